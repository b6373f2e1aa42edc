"""The signals of a trading day over HTTP: an analysis hands them over, everybody signed in reads them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from aiohttp import web

from tradewarden.http import parameters
from tradewarden.http.body import answer, asked, fault, refuse, taken
from tradewarden.http.member import Member
from tradewarden.http.moments import iso
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.signals import Signal, Signals, Stored, Untouched

BODY: Final = 1024 * 1024  # bytes of signals that are sent at once
MOST: Final = 5000  # signals at once
HandOver = Callable[[Mapping[str, Any], int | None], Stored | Untouched]  # signals of now, and the run
_SYMBOL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9&_:. -]{0,63}")


@dataclass(frozen=True)
class OfDay:
    """Which trading day's signals are wanted."""

    day: Annotated[str | None, Member("a date such as 2026-11-24 is expected", 10, 10, "2026-11-24")] = None


@dataclass(frozen=True)
class Handed:
    """Signals that are handed over, and the run that found them, as TRADEWARDEN_RUN has it."""

    signals: Annotated[
        tuple[dict[str, Any], ...],
        Member(f"a list of up to {MOST} signals is expected", None, MOST, [{"symbol": "INFY", "verdict": "buy"}]),
    ]
    run: Annotated[int | None, Member("the number of a run is expected", 1, parameters.LARGEST, 4711)] = None


class SignalsDoor:
    """/api/signals."""

    def __init__(self, signals: Signals, hand_over: HandOver, today: Callable[[], date]) -> None:
        self._signals, self._hand_over, self._today = signals, hand_over, today

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """What there is, and what comes."""

        async def get(request: web.Request) -> web.Response:
            parameters.only_known(request, OfDay)
            day = _day(asked(request, OfDay).day) or self._today()
            signals = [signal_document(each) for each in self._signals.of(day)]
            known = [{"day": each.isoformat(), "signals": count} for each, count in self._signals.days()]
            return answer({"day": day.isoformat(), "signals": signals, "days": known})

        async def post(request: web.Request) -> web.Response:
            handed = await taken(request.clone(client_max_size=BODY), Handed)
            return answer(put_document(self._hand_over(rows_of(handed), handed.run)))

        return [web.get("/api/signals", get), web.post("/api/signals", post)]


def rows_of(handed: Handed) -> dict[str, dict[str, Any]]:
    """The signals by their symbols, the last one of each. Raises the problem that says which of them is none."""
    rows: dict[str, dict[str, Any]] = {}
    faults: list[dict[str, str]] = []
    for place, signal in enumerate(handed.signals):
        symbol, price = signal.get("symbol"), signal.get("price")
        if not isinstance(symbol, str) or not _SYMBOL.fullmatch(symbol):
            detail = f"signal {place + 1}: a symbol such as INFY or NSE:INFY is expected{_not(symbol)}"
            faults.append(fault(f"signals/{place}/symbol", detail))
        elif isinstance(price, bool) or not isinstance(price, int | float | None):
            detail = f"signal {place + 1}, {symbol}: a price is a number{_not(price)}"
            faults.append(fault(f"signals/{place}/price", detail))
        else:
            rows[symbol] = {key: value for key, value in signal.items() if key != "symbol"}
    refuse(faults)
    return rows


def _not(given: object) -> str:
    """What came instead."""
    return ", and there is none" if given is None else f", not {given!r:.40}"


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise parameters.invalid("day", "a date such as 2026-11-24 is expected") from None


def signal_document(signal: Signal) -> dict[str, Any]:
    """One signal as programs read it."""
    return {
        "symbol": signal.symbol,
        "data": signal.data,
        "run": signal.run,
        "createdAt": iso(signal.created),
        "updatedAt": iso(signal.updated),
    }


def put_document(told: Stored | Untouched) -> dict[str, Any]:
    """What became of signals that were handed over."""
    if isinstance(told, Untouched):
        return {"day": told.day.isoformat(), "new": 0, "updated": 0, "skipped": told.reason}
    return {"day": told.day.isoformat(), "new": told.new, "updated": told.updated, "skipped": None}
