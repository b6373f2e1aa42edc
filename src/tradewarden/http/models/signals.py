"""The signals of a trading day, and who hands them over."""

from __future__ import annotations

from datetime import date
from typing import Any

from tradewarden.http.models.document import Document, Moment
from tradewarden.http.operation import LEDGER, Operation, ok
from tradewarden.http.signals import Handed, OfDay


class SignalTold(Document):
    """One signal; `data` is what the analysis said."""

    symbol: str
    data: dict[str, Any]
    run: int | None
    created_at: Moment
    updated_at: Moment


class SignalDay(Document):
    """A day that has signals, and how many."""

    day: date
    signals: int


class SignalsTold(Document):
    """The signals of one trading day."""

    day: date
    signals: list[SignalTold]
    days: list[SignalDay]


class HandedTold(Document):
    """What became of them; on a closed day nothing is changed."""

    day: date
    new: int
    updated: int
    skipped: str | None


OPERATIONS = {
    ("GET", "/api/signals"): Operation(
        says="The signals of a trading day",
        query=OfDay,
        answers=ok("the signals", SignalsTold),
        refusals=LEDGER,
        asks="?day=2026-11-24",
    ),
    ("POST", "/api/signals"): Operation(
        says="Hands over signals: one a trading day and symbol, updated rather than doubled",
        more="Up to a megabyte at once.",
        body=Handed,
        example={"signals": [{"symbol": "INFY", "verdict": "buy", "target": 1650}]},
        answers=ok("what became of them", HandedTold),
        refusals=LEDGER,
    ),
}
