"""What a validation found, as JSON has it and as a person reads it; and the process of its own that it runs in."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from tradewarden.feed.child import ChildError, ask
from tradewarden.feed.names import FILE, Names
from tradewarden.machines.audit import Audit, Stretch
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.validate import Failure, Recorded, Span, Verdict, validate

MODULE: Final = "tradewarden.orchestrator.validation"
PATIENCE: Final = 300.0  # seconds
BUSIEST: Final = 10  # instruments that are told with their counts
KINDS: Final = ("missing", "double", "different", "foreign")


class ValidationError(Exception):
    """There is no verdict; the text says why."""


def document(verdict: Verdict, names: Names) -> dict[str, Any]:
    """The verdict as JSON has it."""
    return {
        "ok": verdict.ok,
        "journal": _journal(verdict.journal, names),
        "stores": [_store(each) for each in verdict.stores],
    }


def _journal(found: Recorded, names: Names) -> dict[str, Any]:
    busiest = sorted(found.by_instrument.items(), key=lambda item: -item[1])[:BUSIEST]
    return {
        "firstSeq": found.first_seq,
        "lastSeq": found.last_seq,
        "records": found.records,
        "from": _moment(found.first_ns),
        "to": _moment(found.last_ns),
        "rate": round(found.rate, 3),
        "instruments": len(found.by_instrument),
        "busiest": [
            {"instrument": instrument, "name": names.of(instrument).key, "records": count}
            for instrument, count in busiest
        ],
        "marked": found.marked,
        "late": found.late,
        "latest": None if found.latest is None else {"name": names.of(found.latest[0]).key, "seconds": found.latest[1]},
        "holes": [[hole.first_seq, hole.last_seq, hole.reason] for hole in found.holes],
    }


def _moment(at_ns: int) -> str | None:
    return datetime.fromtimestamp(at_ns / 1e9, IST).isoformat(timespec="milliseconds") if at_ns else None


def _store(found: Audit | Failure) -> dict[str, Any]:
    match found:
        case Failure(store, reason):
            return {"store": store, "agrees": None, "reason": reason}
        case Audit():
            told: dict[str, Any] = {
                "store": found.store,
                "agrees": found.agrees,
                "compared": found.compared,
                "waiting": found.waiting - found.late,
                "late": found.late,
                "letGo": found.let_go,
                "setAside": found.set_aside,
                "note": found.note,
            }
            for kind in KINDS:
                named: list[Stretch] = getattr(found, kind)
                told[kind] = {"count": found.counts[kind], "named": [list(each) for each in named]}
            return told


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """The same for a person, a line the journal and a line a store."""
    journal = told["journal"]
    if not journal["records"]:
        yield "journal: nothing was recorded in this time"
    else:
        doubts = f", {journal['marked']} with an impossible price or time" if journal["marked"] else ""
        late = f", {journal['late']} came late ({_latest(journal)})" if journal["late"] else ""
        yield (
            f"journal: {journal['records']:,} ticks ({journal['firstSeq']} to {journal['lastSeq']}) of"
            f" {journal['instruments']} instruments, {journal['rate']:,.1f} a second,"
            f" {journal['from']} to {journal['to']}{doubts}{late}"
        )
    for first, last, reason in journal["holes"]:
        yield f"journal: {_stretch(first, last)} cannot be read any more: {reason}"
    for store in told["stores"]:
        yield f"{store['store']}: {_said(store)}"


def _latest(journal: Mapping[str, Any]) -> str:
    return f"{journal['latest']['name']} by {journal['latest']['seconds']:.1f} s"


def _said(store: Mapping[str, Any]) -> str:
    if store["agrees"] is None:
        return f"could not be compared: {store['reason']}"
    word = "agrees" if store["compared"] else "nothing to compare yet"
    parts = [f"{word if store['agrees'] else 'DOES NOT AGREE'}, {store['compared']:,} compared"]
    for kind in KINDS:
        if store[kind]["count"]:
            named = ", ".join(_stretch(*each) for each in store[kind]["named"][:5])
            parts.append(f"{store[kind]['count']:,} {kind} ({named})")
    for key, words in (
        ("late", "late, on their way for more than 10 s"),
        ("waiting", "not there yet"),
        ("setAside", "refused by the store and set aside"),
        ("letGo", "older than it keeps"),
    ):
        if store[key]:
            parts.append(f"{store[key]:,} {words}")
    if store["note"]:
        parts.append(store["note"])
    return "; ".join(parts)


def _stretch(first: int, last: int) -> str:
    return str(first) if first == last else f"{first} to {last}"


class Validations:
    """Compares the stores of one desk with its journal in a process of its own."""

    def __init__(self, stores: Mapping[str, Mapping[str, Any]], state: Path) -> None:
        self.stores = stores
        self._state = state.absolute()

    async def verdict(self, names: list[str], span: Span) -> dict[str, Any]:
        """The verdict on these stores. Raises ValidationError when there is none."""
        request = {
            "stores": {name: _text(self.stores[name]) for name in names},
            "state": str(self._state),
            "since_ns": span.since_ns,
            "until_ns": span.until_ns,
        }
        try:
            ended = await ask(MODULE, request, PATIENCE)
        except ChildError as trouble:
            raise ValidationError(str(trouble)) from None
        if ended.status:
            raise ValidationError(f"the process that compares ended with status {ended.status}")
        told: dict[str, Any] = orjson.loads(ended.said)
        return told


def _text(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


async def here(request: Mapping[str, Any]) -> bytes:
    """What the process of its own answers to a request."""
    state = Path(request["state"])
    stores = {
        name: {key: _value(key, value) for key, value in told.items()} for name, told in request["stores"].items()
    }
    verdict = await validate(stores, state, Span(request["since_ns"], request["until_ns"]))
    return orjson.dumps(document(verdict, Names(state / FILE)))


def _value(key: str, value: Any) -> Any:
    return Path(value) if key == "path" and value else value


if __name__ == "__main__":
    sys.stdout.buffer.write(asyncio.run(here(orjson.loads(sys.stdin.buffer.read()))))
