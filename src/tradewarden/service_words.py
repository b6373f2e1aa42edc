"""How a service is told on a terminal: its sign, its figures, how long, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from textwrap import wrap
from typing import Any, Final

from tradewarden.http.service_signs import SIGNS
from tradewarden.screen import Line

Service = Mapping[str, Any]  # as GET /api/services tells it

_PASSING: Final = frozenset({"down", "waiting", "starting", "stopping"})  # nothing is wrong, and nothing runs
_HEAD: Final = ("NAME", "STATE", "PHASE", "PID", "MEMORY", "CPU", "UP", "RESTARTS", "ERRORS/H", "")
_RIGHT: Final = range(2, 9)  # columns of figures
_SPARE: Final = (2, 8, 5, 3, 7)  # what a narrow terminal goes without, first the phase, then the errors
_SECONDS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def brief(service: Service, width: int = 0) -> Line:
    """Feed up: 50 quotes a batch."""
    about = why(service)
    text = f"{service['name']:<{width}} {_state(service)}{f': {about}' if about else ''}"
    return Line(text, SIGNS.get(service["state"], "!"), tone(service))


def tone(service: Service) -> str:
    """The colour of its sign."""
    return "soft" if service["status"] == "pass" and service["state"] in _PASSING else str(service["status"])


def why(service: Service) -> str:
    """Why it does not run, or not well, and what comes next; while all is well, what it says of itself."""
    if service["state"] == "up":
        return service["reason"] or service["says"] or _figures(service["figures"])
    parts = [service["reason"] or ""]
    again = service["nextStartAt"]
    if again is not None and again[11:19] not in parts[0]:
        parts.append(f"again at {again[11:19]}")
    if not service["enabled"]:
        parts.append("disabled")
    elif not service["autoRestart"] and "automatic restart is" not in parts[0]:
        parts.append("automatic restart is off")
    return ", ".join(filter(None, parts))


def table(services: Sequence[Service], columns: int | None = None) -> Iterator[Line]:
    """A head, then a line for each, by phases; where that is too wide, reasons go below and figures away."""
    ordered = sorted(services, key=lambda service: service["phase"])
    rows = [_HEAD, *([*_cells(service), why(service)] for service in ordered)]
    shown = list(range(len(_HEAD)))
    below = columns is not None and _width(rows, shown) > columns
    if columns is not None and below:
        shown.pop()
        for column in _SPARE:
            if _width(rows, shown) > columns:
                shown.remove(column)
    widths = [max(len(row[column]) for row in rows) for column in shown]
    yield Line(_aligned(rows[0], shown, widths), " ")
    for service, row in zip(ordered, rows[1:], strict=True):
        yield Line(_aligned(row, shown, widths), SIGNS.get(service["state"], "!"), tone(service))
        if columns is not None and below and row[-1]:
            yield from folded(Line(f"  {row[-1]}", " "), columns)


def folded(line: Line, columns: int | None) -> Iterator[Line]:
    """A line as so many as it takes where there are only so many columns."""
    if columns is None or len(line.text) <= columns:
        yield line
        return
    inset = " " * (len(line.text) - len(line.text.lstrip()))
    parts = wrap(line.text.strip(), max(columns, 20), initial_indent=inset, subsequent_indent=inset or "  ")
    yield Line(parts[0], line.sign, line.tone)
    yield from (Line(part, " ") for part in parts[1:])


def desk_line(body: Mapping[str, Any]) -> Line:
    """The desk: degraded since 09:00:05: writer is down."""
    desk = body["desk"]
    phase = "" if desk["phase"] is None else f", phase {desk['phase']} of {len(desk['phases'])}"
    reason = "" if desk["reason"] is None else f": {desk['reason']}"
    text = f"The desk is {desk['state']}{phase} since {desk['since'][11:19]}{reason}"
    bad = desk["state"] in ("degraded", "aborted")
    return Line(text, "!" if bad else "●", "warn" if bad else "pass")


def machine_lines(body: Mapping[str, Any]) -> Iterator[Line]:
    """How busy the machine is, and whether programs can be started at all."""
    host = body["host"]
    if host is not None:
        disk = "" if host["diskFree"] is None else f", {size(host['diskFree'])} free for logs"
        used, total = size(host["memoryUsed"]), size(host["memoryTotal"])
        yield Line(f"The machine: CPU {host['cpuPercent']:.0f} %, memory {used} of {total}{disk}")
    if not body["desk"]["keepersReachable"]:
        yield Line("The keepers cannot be reached: nothing can be started. Run `tradewarden keepers`.", "✕", "fail")


def reached(services: Iterable[Service]) -> Iterator[Line]:
    """Where each service can be reached."""
    there = [service for service in services if service["reach"] and service["state"] == "up"]
    width = max((len(service["name"]) for service in there), default=0)
    for service in there:
        yield Line(f"{service['name']:<{width}}  {service['reach']}", "→", "pass")


def size(count: int) -> str:
    """41 MB, 3.1 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"  # noqa: PLR2004 - a gigabyte


def lasting(seconds: float) -> str:
    """2 h 5 min: the two largest units."""
    left, told = int(seconds), list[str]()
    for each, unit in _SECONDS:
        if left >= each or (unit == "s" and not told):
            told.append(f"{left // each} {unit}")
        elif told:
            break
        left %= each
    return " ".join(told[:2])


def clock(stamp: str) -> str:
    """09:15:02.123 in India, of a stamp in UTC."""
    from tradewarden.orchestrator.clock import IST  # noqa: PLC0415 - only where logs are shown to a person

    return f"{datetime.fromisoformat(stamp).astimezone(IST):%H:%M:%S.%f}"[:-3]


def _state(service: Service) -> str:
    return str(service["state"]).replace("_", " ")


def _cells(service: Service) -> list[str]:
    memory, cpu, up = service["memoryBytes"], service["cpuPercent"], service["uptimeSeconds"]
    runs = service["pid"] is not None
    return [
        service["name"],
        _state(service),
        str(service["phase"]),
        _or_dash(service["pid"]),
        "-" if memory is None or not runs else size(memory),
        "-" if cpu is None or not runs else f"{cpu:.1f} %",
        "-" if up is None else lasting(up),
        str(service["restarts"]),
        str(service["errorsLastHour"]),
    ]


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def _aligned(cells: Sequence[str], shown: Sequence[int], widths: Sequence[int]) -> str:
    return "  ".join(
        f"{cells[column]:>{width}}" if column in _RIGHT else f"{cells[column]:<{width}}"
        for column, width in zip(shown, widths, strict=True)
    ).rstrip()


def _width(rows: Sequence[Sequence[str]], shown: Sequence[int]) -> int:
    return sum(max(len(row[column]) for row in rows) + 2 for column in shown) - 2


def _figures(figures: Mapping[str, float]) -> str:
    return ", ".join(f"{value:g} {name.replace('_', ' ')}" for name, value in figures.items())
