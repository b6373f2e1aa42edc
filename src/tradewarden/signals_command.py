"""The signals of a trading day for a person at a terminal, and for an analysis that hands them over."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from tradewarden.desk_command import Terminal
from tradewarden.job_terminal import reached
from tradewarden.people_command import columns
from tradewarden.screen import Line

MOST: Final = 1024 * 1024  # bytes of standard input; the daemon takes no more
LONGEST: Final = 40  # characters of a cell: --json has all of them
_EXPECTED: Final = (
    'expected are signals as JSON: one object a line, such as {"symbol": "INFY", "verdict": "buy"}, '
    "one list of them, or one object by symbol"
)


class NoSignalsError(Exception):
    """What was read is none; the text says what is expected, and where it is not so."""


def signals_in(text: str) -> list[dict[str, Any]]:
    """The signals that a program printed. Raises NoSignalsError."""
    stripped = text.strip()
    if not stripped:
        return []
    try:
        whole = json.loads(stripped)
    except ValueError:
        return [_signal(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    match whole:
        case list():
            return [_checked(each, f"entry {number}") for number, each in enumerate(whole, 1)]
        case {"symbol": str()}:
            return [whole]
        case {"signals": list(inside)}:
            return [_checked(each, f"entry {number}") for number, each in enumerate(inside, 1)]
        case dict():
            return [_checked(data, symbol) | {"symbol": symbol} for symbol, data in whole.items()]
        case _:
            raise NoSignalsError(f"{_EXPECTED}.")


def _signal(line: str, number: int) -> dict[str, Any]:
    try:
        return _checked(json.loads(line), f"line {number}")
    except ValueError:
        raise NoSignalsError(f"line {number} is no JSON: {line[:60]!r}; {_EXPECTED}.") from None


def _checked(signal: object, place: str) -> dict[str, Any]:
    if not isinstance(signal, dict):
        raise NoSignalsError(f"{place} is no object: {json.dumps(signal)[:60]}; {_EXPECTED}.")
    return signal


async def put(terminal: Terminal, text: str, *, run: int | None, result: Path | None) -> int:
    """Hand signals over; exit status 0, also on a closed day when nothing changes, 1 when they are refused, 69.

    Inside a job the run remembers it: what became of them is written into its result file.
    """
    try:
        signals = signals_in(text)
    except NoSignalsError as trouble:
        terminal.complain(str(trouble))
        return 1

    async def deed() -> int:
        answer = await terminal.ask("/api/signals", {"signals": signals} | ({} if run is None else {"run": run}))
        if answer is None:
            return 1
        if result is not None:
            _remember(result, answer.body)
        terminal.screen.say(json.dumps(answer.body) if terminal.as_json else _told(answer.body))
        return 0

    return await reached(terminal, deed)


def _told(body: Mapping[str, Any]) -> str:
    if body["skipped"] is not None:
        return f"Nothing was changed: {body['skipped']}."
    return f"{body['new']} new and {body['updated']} updated signals of {_day(body['day'])}."


def _remember(file: Path, told: Mapping[str, Any]) -> None:
    """Beside what the job has written there itself."""
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    if isinstance(before, dict):
        file.write_text(json.dumps(before | {"signals": told}), encoding="utf-8")


async def show(terminal: Terminal, day: date | None) -> int:
    """The signals of a trading day; exit status 0, or 69."""

    async def deed() -> int:
        which = {} if day is None else {"day": day.isoformat()}
        body = await terminal.control.document("/api/signals", "signals", **which)
        terminal.screen.say(*([json.dumps(body)] if terminal.as_json else _lines(body)))
        return 0

    return await reached(terminal, deed)


def _lines(body: Mapping[str, Any]) -> Iterator[Line]:
    signals = body["signals"]
    if not signals:
        days = [_day(each["day"]) for each in body["days"][:5]]
        others = f"; there are some of {', '.join(days)}" if days else ""
        yield Line(f"No signals of {_day(body['day'])}{others}.")
        return
    yield Line(f"{len(signals)} signals of {_day(body['day'])}")
    every = [each["data"] if isinstance(each["data"], dict) else {"data": each["data"]} for each in signals]
    names = list(dict.fromkeys(name for data in every for name in data))
    rows = [["SYMBOL", *(name.upper() for name in names), "AT", "RUN"]]
    rows += [
        [each["symbol"], *(_cell(data, name) for name in names), each["updatedAt"][11:19], str(each["run"] or "-")]
        for each, data in zip(signals, every, strict=True)
    ]
    yield from (Line(line) for line in columns(rows))


def _cell(data: Mapping[str, Any], name: str) -> str:
    """A word or a number as it is, whatever is more as JSON, nothing for what is not told."""
    value = data.get(name)
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _day(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day:%a} {day.day} {day:%b %Y}"
