"""The panel of the page that tells how the desk's programs do; page.js says the same in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from types import MappingProxyType

from tradewarden.http.service_signs import SIGNS
from tradewarden.http.services import status_of
from tradewarden.machines.service import DeskReport, HostFigures, ServiceReport, ServiceState

STATES: MappingProxyType[str, str] = MappingProxyType(
    {
        "down": "Stopped",
        "waiting": "Waits",
        "starting": "Starting",
        "up": "Up",
        "stopping": "Stopping",
        "backing_off": "Restarts soon",
        "paused": "Paused",
        "done": "Done",
        "failed": "Failed",
    }
)
DESK: MappingProxyType[str, str] = MappingProxyType(
    {
        "stopped": "Stopped",
        "starting": "Starting",
        "running": "Running",
        "degraded": "Degraded",
        "stopping": "Stopping",
        "aborted": "Start given up",
    }
)
COUNTED = (  # what is told beside how many are up
    ("failed", "failed", "failed"),
    ("paused", "paused", "paused"),
    ("backing_off", "restarts soon", "restart soon"),
    ("waiting", "waits", "wait"),
    ("starting", "starting", "starting"),
    ("stopping", "stopping", "stopping"),
    ("down", "stopped", "stopped"),
    ("done", "done", "done"),
)


def panel(desk: DeskReport | None, *, names: bool) -> str:
    """The panel as HTML; nothing on a desk without programs, and no names for a viewer from elsewhere."""
    if desk is None or not desk.services:
        return ""
    rows = "".join(_row(service) for service in desk.services) if names else ""
    return (
        '<section class="recording services" id="services" aria-label="Services"><h2>Services</h2>'
        f'<p class="tally" id="services-tally">{escape(tally(desk, names=names))}</p>'
        f'<ul class="stores programs" id="programs"{"" if names else " hidden"}>{rows}</ul></section>'
    )


def tally(desk: DeskReport, *, names: bool) -> str:
    """Running: 9 of 11 up, 1 waits, 1 failed; the machine's figures for who may see the programs."""
    phase = f", phase {desk.phase} of {len(desk.phases)}" if desk.phase is not None else ""
    text = f"{DESK[desk.state]}{phase}: {counted(desk.services)}"
    if not names:
        return text
    reason = "" if desk.reason is None else f". {desk.reason}"
    host = "" if desk.host is None else f". {machine(desk.host)}"
    keepers = "" if desk.keepers_reachable else ". The keepers cannot be reached: nothing can be started"
    return f"{text}{reason}{keepers}{host}"


def counted(services: Sequence[ServiceReport]) -> str:
    """9 of 11 up, 1 waits, 1 failed."""
    counts = Counter(str(service.state) for service in services)
    told = [f"{counts[ServiceState.UP]} of {len(services)} up"]
    told += [f"{counts[state]} {one if counts[state] == 1 else many}" for state, one, many in COUNTED if counts[state]]
    return ", ".join(told)


def machine(host: HostFigures) -> str:
    """The machine: CPU 12 %, memory 3.1 of 8.0 GB."""
    used, total = host.memory_used / 1e9, host.memory_total / 1e9
    return f"The machine: CPU {host.cpu_percent:.0f} %, memory {used:.1f} of {total:.1f} GB"


def _row(service: ServiceReport) -> str:
    return (
        f'<li data-status="{status_of(service)}"><span class="name">{escape(service.name)}</span> '
        f'<span class="sign" aria-hidden="true">{SIGNS[service.state]}</span> '
        f'<span class="word">{STATES[service.state]}</span> <span class="lag">{escape(figures(service))}</span> '
        f'<span class="why">{escape(why(service))}</span></li>'
    )


def figures(service: ServiceReport) -> str:
    """40 MB · 1.5 % · 2 restarts · 3 errors: what there is to tell."""
    told = []
    if service.memory_bytes is not None:
        told.append(f"{service.memory_bytes / 1e6:.0f} MB")
    if service.cpu_percent is not None:
        told.append(f"{service.cpu_percent:.1f} %")
    for count, word in ((service.restarts, "restart"), (service.errors_last_hour, "error")):
        if count:
            told.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " · ".join(told)


def why(service: ServiceReport) -> str:
    """Why it does not run, or not well; while all is well, what it says of itself."""
    return service.reason or service.says or ""
