"""The bodies of the health answer: the picture as JSON for one kind of viewer. Pure: no request, no clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from tradewarden.http import original
from tradewarden.http.account_words import login_link
from tradewarden.http.banner import banner
from tradewarden.http.moments import iso, iso_or_none
from tradewarden.machines import remarks
from tradewarden.machines.account import FEEDING
from tradewarden.machines.headline import (
    Situation,
    View,
    auth_severity,
    feed_severity,
    foremost,
    journal_severity,
    segment_severity,
    services_severity,
)
from tradewarden.machines.report import (
    NEEDS_LOGIN,
    AccountReport,
    AgreementReport,
    AuthReport,
    DeliveryReport,
    DumpReport,
    JournalReport,
    Layer,
    Picture,
    SegmentReport,
    Severity,
)
from tradewarden.machines.service import DeskReport
from tradewarden.machines.sink import SinkReport

_ACTIONS = ("auth.required", "auth.configuration", "auth.account")  # a person is needed


@dataclass(frozen=True, slots=True)
class Source:
    """What a body is made of: the picture, for whom, and the two values that alone are no reason to make it anew."""

    picture: Picture
    private: bool  # the viewer is logged in
    version: str
    time: datetime
    ticks: int


Document = tuple[Severity, dict[str, Any]]


def view_of(picture: Picture) -> View:
    """The effective values of a picture."""
    return View.of(Situation.of(picture.auth, picture.feed, picture.market, now=picture.now))


def stale(picture: Picture, now: datetime, beat_age: float) -> Picture:
    """The same picture under the one headline that is still certain: it may be wrong."""
    line = replace(
        picture.headline,
        row=0,
        code="system.stale",
        layer=Layer.SYSTEM,
        severity=Severity.CRITICAL,
        since=now - timedelta(seconds=beat_age),
    )
    return replace(picture, headline=line, now=now)


def health(source: Source) -> Document:
    """GET /api/system/health: the merged answer in both vocabularies."""
    picture = source.picture
    line, words = picture.headline, banner(picture)
    headline: dict[str, Any] = {
        "code": line.code,
        "layer": line.layer,
        "severity": line.severity,
        "text": words.text,
        "detail": words.detail,
        "since": iso(line.since),
    }
    if words.login is not None:
        headline["action"] = _login(words.login)
    return line.severity, {
        "status": line.severity.status,
        "version": "1",
        "releaseId": source.version,
        "serviceId": "tradewarden",
        "seq": picture.seq,
        "time": iso(source.time),
        "headline": headline,
        "checks": {
            "auth:token": _auth_checks(source),
            "feed:stream": [_feed_check(source)],
            **({} if picture.instruments is None else {"feed:instruments": [_dump_check(source, picture.instruments)]}),
            "market:session": [_segment_check(source, segment) for segment in ordered(picture)],
            **({} if picture.journal is None else {"journal:write": [_journal_check(source, picture.journal)]}),
            **({} if picture.desk is None else {"services:supervised": [_services_check(source, picture.desk)]}),
            **({"sinks:lag": [_sink_check(source, sink) for sink in picture.sinks]} if picture.sinks else {}),
            **({} if picture.agreement is None else {"sinks:agree": [_agreement_check(source, picture.agreement)]}),
            **({} if picture.alerts is None else {"alerts:delivery": [_delivery_check(source, picture.alerts)]}),
        },
        "links": {"about": "/docs/health", "events": "/api/system/health/events"},
        "timestamp": iso(source.time),
        **original.priority(picture),
        "market": original.market_words(picture),
        "auth": original.auth_words(picture, private=source.private),
        "feed": original.feed_words(picture, ticks=source.ticks),
    }


def ordered(picture: Picture) -> list[SegmentReport]:
    """The headline's segment, then the others in the order of the configuration."""
    first = foremost(picture.market.segments)
    return [first, *(segment for segment in picture.market.segments if segment is not first)]


def _login(link: str) -> dict[str, str]:
    return {"rel": "login", "method": "GET", "href": link}


def _auth_checks(source: Source) -> list[dict[str, Any]]:
    """The feeding account, then the further ones; only where there are several does each say who it is."""
    picture, first = source.picture, _auth_check(source)
    if not picture.accounts:
        return [first]
    needs_login = picture.auth.state in NEEDS_LOGIN
    action = {"action": _login(login_link(None))} if needs_login else {}
    return [{"componentId": FEEDING} | first | action, *(_account_check(source, each) for each in picture.accounts)]


def _auth_check(source: Source, *, component: bool = True) -> dict[str, Any]:
    picture = source.picture
    auth = picture.auth
    check = _check(auth_severity(view_of(picture)), auth.state, auth.since, component=component)
    return check | (_of_token(auth, picture.forecast) if source.private else {})


def _account_check(source: Source, account: AccountReport) -> dict[str, Any]:
    auth = account.auth
    check = _check(account_severity(account, source.picture), auth.state, auth.since, component=True)
    action = {"action": _login(login_link(account.name))} if account.needs_login else {}
    more = _of_token(auth, account.forecast) if source.private else {}
    return {"componentId": account.name} | check | more | action


def account_severity(account: AccountReport, picture: Picture) -> Severity:
    """Worth a look, at worst: no feed depends on a further account."""
    seen = View.of(Situation.of(account.auth, picture.feed, picture.market, now=picture.now))
    return Severity.OK if auth_severity(seen) is Severity.OK else Severity.WARNING


def _of_token(auth: AuthReport, forecast: str | None) -> dict[str, Any]:
    return {
        "expiresAt": iso_or_none(auth.expires_at),
        "verifiedAt": iso_or_none(auth.verified_at),
        "userId": auth.user_id,
        "generation": auth.generation,
        "forecast": forecast,
    }


def _feed_check(source: Source, *, component: bool = True) -> dict[str, Any]:
    feed = source.picture.feed
    odd = remarks.of_feed(feed, source.picture.now)
    severity = max(feed_severity(view_of(source.picture)), Severity.WARNING if odd else Severity.OK, key=_rank)
    check = _check(severity, feed.state, feed.since, component=component)
    if odd:
        check |= {"output": _sentence(odd), "silentInstruments": feed.silent, "doubtfulTicks": dict(feed.doubts_total)}
    if source.private:
        check |= {"attempt": feed.attempt, "generation": feed.generation, "lastReason": feed.reason}
        if feed.retry_at is not None:
            check["retryAt"] = iso(feed.retry_at)
    return check


def _dump_check(source: Source, dump: DumpReport) -> dict[str, Any]:
    odd = remarks.of_dump(dump, source.picture.now)
    state = "missing" if dump.day is None else "fresh" if dump.is_fresh else "kept"
    since = dump.fetched_at or source.picture.started_at
    check = _check(Severity.WARNING if odd else Severity.OK, state, since, component=True)
    return check | ({"output": _sentence(odd)} if odd else {})


def _sentence(odd: Sequence[str]) -> str:
    text = "; ".join(odd)
    return f"{text[:1].upper()}{text[1:]}."


def _segment_check(source: Source, segment: SegmentReport, *, component: bool = True) -> dict[str, Any]:
    check: dict[str, Any] = {"componentId": segment.segment}
    check |= _check(segment_severity(segment), segment.state, segment.since, component=component)
    check |= {"phase": segment.phase, "session": segment.session, "dataExpected": segment.expected}
    more: dict[str, Any] = {}
    if segment.reason is not None:
        more["reason"] = segment.reason
    if segment.next_at is not None:
        more["next"] = {"state": segment.next_state, "at": iso(segment.next_at)}
    if source.private:
        more["calendar"] = {
            "sha256": segment.calendar_sha256,
            "coveredUntil": segment.covered_until.isoformat(),
            **({} if segment.problem is None else {"problem": segment.problem}),
        }
    return check | more


def _delivery_check(source: Source, delivery: DeliveryReport) -> dict[str, Any]:
    severity = Severity.WARNING if delivery.failing else Severity.OK
    since = min(delivery.failing.values(), default=source.picture.started_at)
    check = _check(severity, "failing" if delivery.failing else "ok", since, component=True)
    if source.private:
        check |= {"ways": list(delivery.ways), "affected": sorted(delivery.failing)}
    return check


def _journal_check(source: Source, journal: JournalReport) -> dict[str, Any]:
    severity = journal_severity(view_of(source.picture), journal)
    check = _check(severity, journal.state, journal.since, component=True)
    said = [f"{journal.lost_total} ticks were not recorded"] if journal.lost_total else []
    said += ["it is larger than journal.keep_gb, and nothing in it may go"] if journal.too_much else []
    said += [f"{journal.unread_total} files went before every store had read them"] if journal.unread_total else []
    if journal.reason is not None and source.private:
        said.insert(0, journal.reason)
    return check | ({"output": _sentence(said)} if said else {})


def _services_check(source: Source, desk: DeskReport) -> dict[str, Any]:
    """How many run; which do not is told to those who may see the programs at all."""
    severity = services_severity(view_of(source.picture), desk)
    told: dict[str, Any] = {"componentType": "system", "status": severity.status, "observedValue": desk.running}
    told |= {"observedUnit": "running", "time": iso(desk.since), "state": desk.state}
    if not source.private:
        return told
    said = [f"{each.name} is {each.state}{f': {each.reason}' if each.reason else ''}" for each in desk.troubled]
    said = said or ([] if desk.reason is None else [desk.reason])
    told |= {"affected": [each.name for each in desk.troubled]}
    return told | ({"output": _sentence(said)} if said else {})


def _agreement_check(source: Source, agreement: AgreementReport) -> dict[str, Any]:
    severity = Severity.OK if agreement.agrees else Severity.WARNING
    check = _check(severity, "agree" if agreement.agrees else "differ", agreement.at, component=True)
    return check | ({"output": _sentence(agreement.said)} if agreement.said and source.private else {})


def _sink_check(source: Source, sink: SinkReport) -> dict[str, Any]:
    """The lag in tens of seconds, nothing below ten: a figure that never stands still would make each answer new."""
    severity = Severity.WARNING if sink.needs_a_look else Severity.OK
    late = int(sink.lag_seconds) // 10 * 10 if sink.needs_a_look else 0
    told: dict[str, Any] = {"componentId": sink.name, "componentType": "datastore", "status": severity.status}
    told |= {"observedValue": late, "observedUnit": "s", "time": iso(sink.since), "state": sink.state}
    return told | {"reason": sink.reason} if source.private and sink.reason is not None else told


def _check(severity: Severity, state: str, since: datetime, *, component: bool) -> dict[str, Any]:
    kind = {"componentType": "component"} if component else {}
    return kind | {"status": severity.status, "observedValue": state, "time": iso(since)}


def market(source: Source) -> Document:
    """GET …/market: where every segment stands."""
    picture = source.picture
    segments = ordered(picture)
    worst = max((segment_severity(segment) for segment in segments), key=_rank)
    if _is_stale(picture):
        worst = Severity.WARNING
    words = original.market_words(picture)
    brief = [
        {"componentId": segment.segment, "status": segment_severity(segment).status, "observedValue": segment.state}
        for segment in segments
    ]
    return worst, {
        "status": worst.status,
        "seq": picture.seq,
        "time": iso(source.time),
        "check": _segment_check(source, segments[0], component=False),
        "segments": brief,
        **{key: words[key] for key in ("phase", "title", "description", "icon", "is_trading_hours")},
        "timestamp": iso(source.time),
    }


def auth(source: Source) -> Document:
    """GET …/auth: is the token good."""
    picture = source.picture
    accounts = [account_severity(account, picture) for account in picture.accounts]
    severity = max((auth_severity(view_of(picture)), *accounts), key=_rank)
    severity = Severity.CRITICAL if _is_stale(picture) else severity
    words = original.auth_words(picture, private=source.private)
    needs_login = picture.auth.state in ("required", "expired", "expiring")
    return severity, {
        "status": severity.status,
        "seq": picture.seq,
        "time": iso(source.time),
        "check": _auth_check(source, component=False),
        **({"action": _login(login_link(None))} if needs_login else {}),
        **({"accounts": _auth_checks(source)} if picture.accounts else {}),
        **{key: words[key] for key in ("state", "is_valid", "requires_login")},
        "has_token": picture.auth.holds_token if source.private else None,
        "created_at": iso_or_none(picture.auth.minted_at) if source.private else None,
    }


def feed(source: Source) -> Document:
    """GET …/feed: do ticks flow."""
    picture = source.picture
    severity = Severity.CRITICAL if _is_stale(picture) else feed_severity(view_of(picture))
    return severity, {
        "status": severity.status,
        "seq": picture.seq,
        "time": iso(source.time),
        "check": _feed_check(source, component=False),
        **original.feed_words(picture, ticks=source.ticks),
        "reconnect_count": picture.feed.attempt,
    }


def summary(source: Source) -> Document:
    """GET …/summary: one line for a monitor."""
    picture = source.picture
    line, words = picture.headline, banner(picture)
    auth_state = original.auth_words(picture, private=False)
    return line.severity, {
        "status": line.severity.status,
        "code": line.code,
        "seq": picture.seq,
        "text": words.text,
        "healthy": line.severity is not Severity.CRITICAL,
        "market_phase": original.phase_of(foremost(picture.market.segments)),
        "auth_valid": auth_state["is_valid"],
        "feed_healthy": picture.feed.state == "streaming",
        "requires_action": line.code in _ACTIONS or auth_state["requires_login"],
        "timestamp": iso(source.time),
    }


def _is_stale(picture: Picture) -> bool:
    return picture.headline.code == "system.stale"


def _rank(severity: Severity) -> int:
    return list(Severity).index(severity)


DOCUMENTS: MappingProxyType[str, Callable[[Source], Document]] = MappingProxyType(
    {
        "health": health,
        "market": market,
        "auth": auth,
        "feed": feed,
        "summary": summary,
    }
)
