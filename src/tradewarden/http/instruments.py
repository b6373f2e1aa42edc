"""The instruments over HTTP: what is streamed, which rule wants it, and how fresh the dump is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Protocol, assert_never

import orjson
from aiohttp import web

from tradewarden.http.moments import iso
from tradewarden.http.visitors import Visitors
from tradewarden.machines.dump import Dump
from tradewarden.machines.instruments import Chosen, Futures, Instrument, Listed, Options, Pick, Rule
from tradewarden.orchestrator.freshness import SilentReport
from tradewarden.orchestrator.instruments import InstrumentsReport


class Freshness(Protocol):
    """Whoever watches the single instruments."""

    def report(self) -> Sequence[SilentReport]:
        """Those that should tick and do not."""
        ...

    def limits(self) -> Mapping[int, tuple[str, float | None]]:
        """Each one's class, and for how many seconds it may be silent."""
        ...


class Instruments:
    """GET /api/instruments: for an admin, since what a desk watches is nobody else's business."""

    def __init__(self, report: Callable[[], InstrumentsReport], freshness: Freshness) -> None:
        self._report = report
        self._freshness = freshness

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def get(_request: web.Request) -> web.Response:
            headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
            told = document(self._report(), self._freshness.report(), self._freshness.limits())
            return web.Response(body=orjson.dumps(told), headers=headers)

        return [web.get("/api/instruments", get)]


def document(
    report: InstrumentsReport,
    silent: Sequence[SilentReport] = (),
    limits: Mapping[int, tuple[str, float | None]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The whole answer."""
    return {
        "time": iso(report.now),
        "total": len(report.chosen),
        "dump": _dump(report),
        "rules": [_rule(pick) for pick in report.picks],
        "rulesProblem": report.rules_problem,
        "silent": [_silent(each, report) for each in silent],
        "instruments": [_chosen(each, limits) for each in report.chosen.values()],
    }


def _silent(each: SilentReport, report: InstrumentsReport) -> dict[str, Any]:
    chosen = report.chosen.get(each.token)
    return {
        "token": each.token,
        "instrument": str(each.token) if chosen is None else chosen.instrument.key,
        "since": iso(each.since),
        "seconds": max(0, int((report.now - each.since).total_seconds())),
        "limitSeconds": each.limit,
        "class": each.kind,
        "firstTickMissing": each.is_first,
        "asked": each.tries,
    }


def _dump(report: InstrumentsReport) -> dict[str, Any] | None:
    if report.dump_wanted is None:
        return None  # nothing but tokens is asked for
    dump, age = report.dump, timedelta() if report.dump is None else report.now - report.dump.fetched_at
    return {
        "day": None if dump is None else dump.day.isoformat(),
        "fetchedAt": None if dump is None else iso(dump.fetched_at),
        "ageSeconds": None if dump is None else max(0, int(age.total_seconds())),
        "instruments": None if dump is None else sum(dump.lines.values()),
        "kept": None if dump is None else len(dump.instruments),
        "fresh": _is_fresh(dump, report.dump_wanted),
        "wantedDay": report.dump_wanted.isoformat(),
        "problem": report.trouble,
        "fetching": report.fetching,
    }


def _is_fresh(dump: Dump | None, wanted: date) -> bool:
    return dump is not None and dump.late is None and dump.day >= wanted


def _rule(pick: Pick) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": pick.rule.name,
        "kind": _kind(pick.rule),
        "mode": pick.rule.mode,
        "instruments": len(pick.instruments),
        "most": pick.rule.most,
        "problem": pick.problem,
        "waiting": pick.waiting,
    }
    if isinstance(pick.rule, Options):
        told |= {
            "expiry": pick.expiry.isoformat() if pick.expiry else None,
            "spot": pick.spot.key if pick.spot else None,
            "spotPrice": pick.price,
            "centre": pick.centre,
        }
    return told


def _kind(rule: Rule) -> str:
    match rule:
        case Futures():
            return "futures"
        case Options():
            return "options"
        case Listed():
            return "list"
        case _:
            assert_never(rule)


def _chosen(chosen: Chosen, limits: Mapping[int, tuple[str, float | None]]) -> dict[str, Any]:
    each = chosen.instrument
    kind, limit = limits.get(each.token, (None, None))
    return {
        "token": each.token,
        "instrument": each.key,
        "mode": chosen.mode,
        "why": list(chosen.why),
        "class": kind,
        "limitSeconds": limit,
        **_contract(each),
    }


def _contract(each: Instrument) -> dict[str, Any]:
    if each.expiry is None:
        return {}
    strike = {"strike": each.strike} if each.kind in ("CE", "PE") else {}
    return {"expiry": each.expiry.isoformat(), "kind": each.kind, **strike}
