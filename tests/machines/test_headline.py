"""The truth table: every situation has exactly one headline, and more trouble never looks like less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tradewarden.machines import headline as headlines
from tradewarden.machines.headline import (
    ROWS,
    Situation,
    View,
    auth_severity,
    demand,
    effective_auth,
    effective_feed,
    feed_severity,
    foremost,
    headline,
    journal_severity,
    judge,
    segment_severity,
)
from tradewarden.machines.report import (
    AuthReport,
    FeedReport,
    JournalReport,
    Layer,
    MarketReport,
    SegmentReport,
    Severity,
)

AUTH = ("unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired")
FEED = ("halted", "blocked_on_auth", "connecting", "connected", "streaming", "stale", "backing_off")
MARKET = ("unknown", "closed", "pre_open", "live", "closing_auction", "post_close", "halted")
WINDOW = ((False, "none"), (True, "none"), (True, "sparse"), (True, "dense"))
BOTH = (False, True)
FAULTS = ("account_out", "journal_failed", "service_down", "sink_behind", "conflict")
GOLDEN = Path(__file__).parent / "golden" / "headline.txt"

AUTHS: list[dict[str, Any]] = [
    {"auth": auth, "configuration": configuration, "verdict": verdict, "recent": recent}
    for auth, configuration, verdict, recent in product(AUTH, BOTH, (None, "valid", "expiring"), BOTH)
]
FEEDS: list[dict[str, Any]] = [
    {"feed": feed, "latched": latched, "grace": grace, "wanted": wanted, "expected": expected}
    for feed, latched, grace, (wanted, expected) in product(FEED, BOTH, BOTH, WINDOW)
]
RESTS: list[dict[str, Any]] = [
    {"market": market, "stale": stale, "stopping": stopping, **dict(zip(FAULTS, faults, strict=True))}
    for market, stale, stopping, faults in product(MARKET, BOTH, BOTH, product(BOTH, repeat=len(FAULTS)))
]
FINE: dict[str, Any] = {"market": "live"}


def situations() -> Iterator[Situation]:
    """Every raw state and flag of auth and feed; the rest of the table does not look at how these came about."""
    for auth, feed in product(AUTHS, FEEDS):
        yield Situation(**auth, **feed, **FINE)


@cache
def views() -> frozenset[View]:
    """Every combination of effective values that raw states can lead to, with every further fact."""
    settled = {View.of(situation) for situation in situations()}
    return frozenset(replace(view, **rest) for view in settled for rest in RESTS)


def test_a_row_sees_nothing_but_effective_values_so_that_enumerating_those_enumerates_all_raw_states() -> None:
    through_the_view = {field.name for field in fields(Situation)} - {"market", "stale", "stopping", *FAULTS}
    assert through_the_view == set(AUTHS[0]) | set(FEEDS[0])
    for situation, rest in zip(situations(), RESTS * 30, strict=False):
        raw = replace(situation, **rest)
        assert View.of(raw) == replace(View.of(situation), **rest)
        assert headline(raw) == judge(View.of(raw))


def test_every_combination_of_raw_states_and_flags_has_exactly_one_headline() -> None:
    everything = views()
    assert len(AUTHS) * len(FEEDS) * len(RESTS) == 8_429_568  # raw situations that lead to the views below
    exclusive = [row for row in ROWS if row.number in {1, 2, 3, *range(6, 13), 14}]
    for view in everything:
        assert sum(row.holds(view) for row in exclusive) <= 1, view
        first = next(row.number for row in ROWS if row.holds(view))
        assert judge(view).row == first


def test_no_row_is_out_of_reach() -> None:
    assert {judge(view).row for view in views()} == {row.number for row in ROWS}


def test_every_headline_code_is_one_that_the_design_names() -> None:
    assert {judge(view).code for view in views()} == {
        *("system.stopping", "system.stale"),
        *(
            "auth.required",
            "auth.configuration",
            "auth.exchanging",
            "auth.checking",
            "auth.unverified",
            "auth.expiring",
            "auth.account",
        ),
        *("feed.connecting", "feed.stale", "feed.backing_off", "feed.blocked_on_auth", "feed.unexpected"),
        *("journal.failed", "services.failed", "sinks.behind", "calendar.conflict"),
        *(f"market.{state}" for state in MARKET),
    }


RANK = {Severity.OK: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
LADDERS: dict[str, tuple[Any, ...]] = {
    "auth": ("valid", "expiring", "unverified", "required"),
    "feed": ("up", "starting", "down"),
    "demand": ("quiet", "sparse", "dense"),
    **dict.fromkeys(FAULTS, BOTH),
}


def settled_views() -> Iterator[View]:
    for auth, (feed, due), market, faults in product(
        LADDERS["auth"],
        [*product(LADDERS["feed"], LADDERS["demand"]), ("idle", "off"), ("unexpected", "off")],
        MARKET,
        product(BOTH, repeat=len(FAULTS)),
    ):
        if market == "unknown" and due in ("sparse", "dense"):
            continue  # past the calendar's coverage no phase expects anything
        feed_state = "streaming" if feed == "up" else "halted" if feed == "idle" else "backing_off"
        flags = dict(zip(FAULTS, faults, strict=True))
        yield View(auth, feed, due, feed_state, market, stale=False, stopping=False, **flags)


@pytest.mark.parametrize("ladder", LADDERS)
def test_severity_never_falls_when_one_thing_gets_worse(ladder: str) -> None:
    steps: tuple[Any, ...] = LADDERS[ladder]
    known = set(settled_views())
    compared = 0
    for better in known:
        value = getattr(better, ladder)
        if value not in steps[:-1]:
            continue
        worse = replace(better, **{ladder: steps[steps.index(value) + 1]})
        if ladder == "feed" and worse.feed == "down":
            worse = replace(worse, feed_state="backing_off")
        if worse.market == "unknown" and worse.demand in ("sparse", "dense"):
            continue
        compared += 1
        assert RANK[judge(better).severity] <= RANK[judge(worse).severity], (better, worse)
    assert compared > 500


def test_only_exchanging_and_checking_cover_a_feed_that_is_down_while_data_is_due() -> None:
    down = View("valid", "down", "dense", "stale", "live", *[False] * 7)
    covered = {auth for auth in {view.auth for view in views()} if RANK[judge(replace(down, auth=auth)).severity] < 2}
    assert covered == {"exchanging", "checking"}


def test_auth_outranks_a_stale_feed_even_when_the_market_is_closed() -> None:
    found = headline(Situation(auth="expired", feed="stale", market="closed", expected="none", wanted=False))
    assert (found.code, found.layer, found.severity) == ("auth.required", Layer.AUTH, Severity.WARNING)


def test_a_warning_never_hides_a_failure_of_a_lesser_layer() -> None:
    found = headline(
        Situation(auth="expiring", feed="streaming", market="live", expected="dense", wanted=True, journal_failed=True)
    )
    assert (found.code, found.severity) == ("journal.failed", Severity.CRITICAL)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "auth.account"),
        ({"wanted": False, "expected": "none", "feed": "halted"}, "auth.account"),
        ({"wanted": False, "expected": "none"}, "auth.account"),  # auth above a feed that runs out of its hours
        ({"sink_behind": True, "conflict": True}, "auth.account"),
        ({"auth": "required"}, "auth.required"),
        ({"auth": "expiring"}, "auth.expiring"),
        ({"auth": "exchanging"}, "auth.exchanging"),
        ({"feed": "stale"}, "feed.stale"),
        ({"feed": "backing_off", "expected": "sparse"}, "feed.backing_off"),
        ({"journal_failed": True}, "journal.failed"),
        ({"service_down": True}, "services.failed"),
    ],
)
def test_a_further_account_without_a_login_warns_below_the_feeding_one_and_above_what_lies_under_auth(
    changes: dict[str, Any], code: str
) -> None:
    well = Situation(auth="valid", feed="streaming", market="live", expected="dense", wanted=True)
    found = headline(replace(well, account_out=True, **changes))
    assert found.code == code
    assert found.severity is not Severity.OK
    assert headline(replace(well, **changes)).code != "auth.account"


def test_a_wrong_secret_is_told_apart_from_a_missing_login() -> None:
    found = headline(
        Situation(auth="required", configuration=True, feed="halted", market="live", expected="dense", wanted=True)
    )
    assert found.code == "auth.configuration"


def test_a_redial_after_an_outage_does_not_flap_between_fail_and_warn() -> None:
    outage = Situation(auth="valid", feed="backing_off", latched=True, market="live", expected="dense", wanted=True)
    redial = replace(outage, feed="connecting")
    assert headline(outage).severity == headline(redial).severity == Severity.CRITICAL
    assert headline(replace(redial, latched=False)).severity == Severity.WARNING


def test_demand_names_how_much_data_is_due() -> None:
    found = [demand(Situation(**feed, **AUTHS[0], **FINE)) for feed in FEEDS[:4]]
    assert found == ["off", "quiet", "sparse", "dense"]


# --- from the machines' reports -----------------------------------------------------------------------------------

NOW = datetime(2026, 1, 5, 3, 50, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def an_auth(**changes: Any) -> AuthReport:
    usual: dict[str, Any] = {
        "state": "valid",
        "reason": None,
        "since": ago(3600),
        "holds_token": True,
        "verdict": "valid",
        "doubt_since": None,
    }
    return AuthReport(**{**usual, **changes})


def a_feed(**changes: Any) -> FeedReport:
    usual: dict[str, Any] = {
        "state": "streaming",
        "reason": None,
        "since": ago(60),
        "latched": False,
        "usable_since": ago(3600),
    }
    return FeedReport(**{**usual, **changes})


def a_segment(**changes: Any) -> SegmentReport:
    usual: dict[str, Any] = {
        "segment": "NSE_EQ",
        "state": "live",
        "since": ago(300),
        "phase": "continuous",
        "session": "regular",
        "reason": None,
        "expected": "dense",
        "next_state": "closed",
        "next_at": NOW + timedelta(hours=6),
        "covered_until": date(2026, 12, 31),
        "calendar_sha256": "9f2c41",
    }
    return SegmentReport(**{**usual, **changes})


def a_market(*segments: SegmentReport, **changes: Any) -> MarketReport:
    usual: dict[str, Any] = {"wanted": True, "wanted_since": ago(3600), "expected": "dense"}
    return MarketReport(segments=segments or (a_segment(),), **{**usual, **changes})


@pytest.mark.parametrize(("state", "holds"), list(product(AUTH, BOTH)))
def test_a_further_account_that_needs_a_person_is_out_until_its_login_has_succeeded(state: str, holds: bool) -> None:  # noqa: FBT001 - a table
    accounts = [an_auth(), an_auth(state=state, holds_token=holds)]
    found = Situation.of(an_auth(), a_feed(), a_market(), now=NOW, further=accounts)
    assert found.account_out is (state in {"required", "expired"} or (state == "exchanging" and not holds))


def test_the_foremost_segment_expects_most_and_stands_first_among_equals() -> None:
    cash, futures = a_segment(segment="NSE_EQ"), a_segment(segment="NFO")
    assert foremost([cash, futures]).segment == "NSE_EQ"
    assert foremost([replace(cash, expected="sparse"), futures]).segment == "NFO"


@pytest.mark.parametrize(
    ("doubt", "verdict", "effective"),
    [(29, "valid", "valid"), (29, "expiring", "expiring"), (29, None, "checking"), (31, "valid", "unverified")],
)
def test_a_doubt_keeps_the_last_verdict_for_thirty_seconds(doubt: float, verdict: str | None, effective: str) -> None:
    auth = an_auth(state="verifying", verdict=verdict, doubt_since=ago(doubt))
    assert effective_auth(Situation.of(auth, a_feed(), a_market(), now=NOW)) == effective


@pytest.mark.parametrize(
    ("wanted_for", "usable_for", "effective"),
    [(14, 3600, "starting"), (3600, 14, "starting"), (15, 15, "down"), (16, 16, "down"), (16, None, "down")],
)
def test_a_feed_has_fifteen_seconds_from_the_window_or_the_login_to_begin(
    wanted_for: float, usable_for: float | None, effective: str
) -> None:
    feed = a_feed(state="halted", usable_since=None if usable_for is None else ago(usable_for))
    situation = Situation.of(an_auth(), feed, a_market(wanted_since=ago(wanted_for)), now=NOW)
    assert effective_feed(situation) == effective


@pytest.mark.parametrize(("seconds", "effective"), [(14, "idle"), (16, "unexpected")])
def test_a_feed_has_fifteen_seconds_to_stop_after_the_window(seconds: float, effective: str) -> None:
    closed = a_market(
        a_segment(state="closed", expected="none"), wanted=False, wanted_since=ago(seconds), expected="none"
    )
    # A login that has just come does not excuse a stream that runs outside its hours.
    assert effective_feed(Situation.of(an_auth(), a_feed(usable_since=ago(1)), closed, now=NOW)) == effective


def test_a_token_past_its_doubt_fails_only_when_nothing_streams() -> None:
    doubtful = an_auth(state="unknown", verdict=None, doubt_since=ago(60))
    streaming = headline(Situation.of(doubtful, a_feed(), a_market(), now=NOW))
    silent = headline(Situation.of(doubtful, a_feed(state="connecting"), a_market(), now=NOW))
    assert (streaming.row, streaming.severity) == (9, Severity.WARNING)
    assert (silent.row, silent.severity) == (2, Severity.CRITICAL)


def view_of(auth: str, feed: str, due: str, feed_state: str) -> View:
    return View(auth, feed, due, feed_state, "live", *[False] * 7)


def test_a_feed_that_only_waits_for_the_login_is_a_consequence_not_a_failure() -> None:
    assert feed_severity(view_of("required", "down", "dense", "blocked_on_auth")) == Severity.WARNING
    assert feed_severity(view_of("valid", "down", "dense", "blocked_on_auth")) == Severity.CRITICAL
    assert feed_severity(view_of("required", "down", "dense", "stale")) == Severity.CRITICAL
    assert feed_severity(view_of("valid", "down", "sparse", "stale")) == Severity.WARNING
    assert feed_severity(view_of("valid", "idle", "off", "halted")) == Severity.OK
    assert feed_severity(view_of("valid", "up", "dense", "streaming")) == Severity.OK


def test_a_missing_login_fails_only_while_the_desk_has_work() -> None:
    assert auth_severity(view_of("required", "down", "quiet", "blocked_on_auth")) == Severity.CRITICAL
    assert auth_severity(view_of("required", "idle", "off", "halted")) == Severity.WARNING
    assert auth_severity(view_of("unverified", "up", "dense", "streaming")) == Severity.WARNING
    assert auth_severity(view_of("unverified", "starting", "dense", "connecting")) == Severity.CRITICAL
    assert auth_severity(view_of("expiring", "up", "dense", "streaming")) == Severity.WARNING


def test_when_auth_or_feed_make_the_headline_their_own_check_is_as_bad() -> None:
    for view in views():
        verdict = judge(view)
        if verdict.code == "auth.account":  # its own check warns; the feeding account is well
            assert auth_severity(view) is Severity.OK, view
        elif verdict.layer is Layer.AUTH:
            assert auth_severity(view) == verdict.severity, view
        if verdict.layer is Layer.FEED:
            assert feed_severity(view) == verdict.severity, view


def test_a_calendar_that_needs_a_person_is_a_warning_and_a_closed_market_is_not() -> None:
    assert segment_severity(a_segment(state="closed")) == Severity.OK
    assert segment_severity(a_segment(problem="covered until 2026-12-31 only")) == Severity.WARNING
    assert segment_severity(a_segment(state="unknown")) == Severity.WARNING


# --- the golden file ----------------------------------------------------------------------------------------------


def told(view: View) -> str:
    verdict = judge(view)
    return f"{verdict.row:>2} {verdict.code} {verdict.severity.status}"


def written() -> str:
    """Every effective auth x raw feed x demand; then what each further fault makes of the effective ones."""
    order = [(a, f) for a in AUTHS for f in FEEDS]
    plain = {
        (view.auth, view.feed_state, view.feed, view.demand): view
        for view in (View.of(Situation(**a, **f, **FINE)) for a, f in order)
    }
    lines = ["auth | feed machine | feed | demand -> row headline status, while the market is live"]
    lines += [f"{' | '.join(key)} -> {told(view)}" for key, view in sorted(plain.items())]
    lines += ["", "auth | feed | demand -> row with a further fault: " + ", ".join((*FAULTS, "unknown market"))]
    for key, view in sorted({(v.auth, v.feed, v.demand): v for v in plain.values()}.items()):
        changes: list[dict[str, Any]] = [*({fault: True} for fault in FAULTS), {"market": "unknown"}]
        faulty = [replace(view, **change) for change in changes]
        lines.append(f"{' | '.join(key)} -> {' '.join(str(judge(each).row) for each in faulty)}")
    lines += ["", "market -> calm, and with a stale or stopping supervisor"]
    calm = View("valid", "idle", "off", "halted", "closed", *[False] * 7)
    for market in MARKET:
        view = replace(calm, market=market)
        stale, stopping = replace(view, stale=True), replace(view, stale=True, stopping=True)
        lines.append(f"{market} -> {told(view)}, {told(stale)}, {told(stopping)}")
    return "\n".join(lines) + "\n"


def test_the_table_is_the_one_that_was_agreed() -> None:
    assert written() == GOLDEN.read_text(encoding="utf-8")


def test_a_wall_clock_that_was_set_back_grants_no_second_grace() -> None:
    market = a_market(wanted_since=ago(-1800))
    situation = Situation.of(an_auth(), a_feed(state="halted", usable_since=ago(-1800)), market, now=ago(0))
    assert situation.grace is False


PLAIN = Situation(auth="valid", feed="streaming", expected="dense", wanted=True, **FINE)


def test_a_desk_for_which_no_row_holds_is_a_fault_that_asks_to_be_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(headlines, "ROWS", ())
    with pytest.raises(AssertionError) as caught:
        headline(PLAIN)
    assert str(caught.value).startswith("no row of the truth table holds for View(")
    assert str(caught.value).endswith(": please report it")


@pytest.mark.parametrize(
    ("state", "too_much", "wanted", "severity"),
    [
        ("recording", False, True, Severity.OK),
        ("recording", True, True, Severity.WARNING),
        ("off", False, True, Severity.WARNING),
        ("failed", False, True, Severity.CRITICAL),
        ("failed", False, False, Severity.WARNING),
    ],
)
def test_a_journal_that_does_not_record_fails_only_while_ticks_are_due(
    state: str, severity: Severity, *, too_much: bool, wanted: bool
) -> None:
    view = View.of(replace(PLAIN, wanted=wanted, expected="dense" if wanted else "none"))
    journal = SimpleNamespace(state=state, too_much=too_much)
    assert journal_severity(view, cast("JournalReport", journal)) == severity


def test_what_a_situation_does_not_say_is_no_trouble() -> None:
    assert headline(PLAIN).severity == Severity.OK
    flags = [each.name for each in fields(PLAIN) if getattr(PLAIN, each.name) is True]
    assert flags == ["wanted"]


def test_only_a_configuration_fault_is_told_as_one() -> None:
    for reason, told in (("configuration", True), ("rejected", False), (None, False)):
        situation = Situation.of(an_auth(state="required", reason=reason), a_feed(), a_market(), now=NOW)
        assert situation.configuration is told


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        ({"journal_failed": True}, "journal.failed"),
        ({"conflict": True}, "calendar.conflict"),
        ({"sink_behind": True}, "sinks.behind"),
        ({"account_out": True}, "auth.account"),
        ({"service_down": True}, "services.failed"),
    ],
)
def test_each_trouble_beside_the_three_machines_has_its_own_headline(trouble: dict[str, Any], code: str) -> None:
    verdict = headline(replace(PLAIN, **trouble))
    assert verdict.code == code
