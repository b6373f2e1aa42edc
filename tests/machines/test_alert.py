import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tradewarden.machines.alert import AlertRules, Message, Seen, _together
from tradewarden.machines.report import Layer, Severity
from tradewarden.orchestrator.clock import IST

DAY = datetime(2026, 11, 23, tzinfo=IST)  # a Monday
SESSION = (DAY.replace(hour=9), DAY.replace(hour=15, minute=30))
WORDS = {"auth.required": "Login required", "feed.stale": "No ticks", "market.live": "Market live"}
LINK = "https://desk.example/login"


class Watch:
    """A desk whose headline is set by hand, and everything that its people are told."""

    def __init__(self, start: str = "10:00") -> None:
        self.rules = AlertRules()
        self.seen: dict[str, Any] = {
            "code": "market.live",
            "severity": Severity.OK,
            "wanted": True,
            "session": SESSION,
            "forecast": "lasts",
        }
        self.at(start)
        self.told: list[Message] = []

    def at(self, text: str) -> "Watch":
        hour, minute, second = (*map(int, text.split(":")), 0)[:3]
        self.now = DAY.replace(hour=hour, minute=minute, second=second)
        return self

    def after(self, seconds: float) -> "Watch":
        self.now += timedelta(seconds=seconds)
        return self

    def shows(self, code: str = "market.live", severity: Severity = Severity.OK, **more: Any) -> list[str]:
        """The desk as it is from now on; what is told of it at once."""
        self.seen |= {"code": code, "severity": severity} | more
        return self.look()

    def fails(self, code: str = "feed.stale", **more: Any) -> list[str]:
        return self.shows(code, Severity.CRITICAL, **more)

    def look(self) -> list[str]:
        code = self.seen["code"]
        seen = Seen(
            now=self.now, layer=Layer(code.partition(".")[0]), text=WORDS.get(code, code), detail="", **self.seen
        )
        told = self.rules.observe(seen)
        self.told += told
        return [f"{message.kind} {message.layer}" for message in told]

    def until(self, text: str) -> list[str]:
        """Time passes; the rules are woken at their deadlines alone."""
        end = DAY.replace(hour=int(text[:2]), minute=int(text[3:5]))
        told: list[str] = []
        while True:
            deadline = self.rules.next_deadline(self.now)
            if deadline is None or deadline > end:
                self.now = end
                return told
            assert deadline > self.now
            self.now = deadline
            told += [f"{self.now:%H:%M:%S} {line}" for line in self.look()]

    def restart(self) -> None:
        memory = json.loads(json.dumps(self.rules.memory()))
        self.rules = AlertRules()
        self.rules.remember(memory, self.now)


# Further accounts


def test_a_further_account_is_told_of_by_the_same_rules_and_with_its_name() -> None:
    watch = Watch("08:00")
    watch.rules = AlertRules(account="family")
    watch.shows("auth.required", Severity.WARNING, auth="expired", wanted=False)
    assert watch.until("08:20") == ["08:15:00 morning auth"]
    watch.at("08:40").fails("auth.required", auth="expired", wanted=True)
    assert [(message.kind, message.account) for message in watch.told] == [("morning", "family"), ("opened", "family")]
    assert watch.told[0].title == "Log family in before 09:00"
    assert {message.login for message in watch.told} == {True}


def test_after_the_open_the_account_is_named_too_and_without_a_name_nobody_is() -> None:
    for account, title in (("family", "A new login is needed today for family"), (None, "A new login is needed today")):
        watch = Watch("10:00")
        watch.rules = AlertRules(account=account)
        watch.shows("auth.expiring", Severity.OK, auth="expiring", forecast="dies_during", wanted=True)
        assert [(message.kind, message.title, message.account) for message in watch.told] == [
            ("morning", title, account)
        ]


# Headline alerts


def test_a_failure_is_told_after_fifteen_seconds_and_over_after_a_minute_of_pass() -> None:
    watch = Watch()
    assert watch.fails() == []
    assert watch.until("10:01") == ["10:00:15 opened feed"]
    assert watch.shows() == []
    assert watch.until("10:14") == ["10:02:00 resolved feed"]
    assert watch.told[-1].text(LINK) == "Over: No ticks\nAfter less than a minute."


def test_a_failure_that_passes_sooner_is_told_to_nobody() -> None:
    watch = Watch()
    watch.fails()
    assert watch.after(14.9).look() == []
    assert watch.shows() == []
    assert watch.until("11:00") == []


def test_a_login_that_is_needed_in_a_wanted_window_is_told_at_once_with_the_link() -> None:
    watch = Watch("09:20")
    assert watch.fails("auth.required", auth="required") == ["opened auth"]
    assert watch.told[0].text(LINK) == f"Login required\nLog in: {LINK}"


def test_an_incident_is_one_message_whatever_it_turns_into_within_its_layer() -> None:
    watch = Watch()
    watch.fails("feed.stale")
    watch.after(15).look()
    for code in ("feed.backing_off", "feed.connecting", "feed.stale"):
        assert watch.after(5).fails(code) == []


def test_a_login_that_becomes_what_helps_is_told_within_the_same_incident_once() -> None:
    watch = Watch()
    watch.fails("auth.unverified")
    assert watch.after(15).look() == ["opened auth"]
    assert not watch.told[0].login
    assert watch.after(60).fails("auth.required") == ["changed auth"]
    assert watch.told[1].login
    assert watch.after(60).fails("auth.unverified") == []
    assert watch.after(60).fails("auth.required") == []


def test_reminders_come_after_a_quarter_half_and_whole_hour_and_then_no_more() -> None:
    watch = Watch()
    watch.fails("auth.required")
    assert watch.until("15:00") == ["10:15:00 reminder auth", "10:30:00 reminder auth", "11:00:00 reminder auth"]
    assert watch.told[-1].text(LINK) == f"Still: Login required\nFor 60 minutes.\nLog in: {LINK}"


def test_a_late_look_reminds_once_and_not_three_times() -> None:
    watch = Watch()
    watch.fails("auth.required")
    assert watch.at("12:00").look() == ["reminder auth"]
    assert watch.after(1).look() == []


def test_a_lower_layer_is_silent_while_a_higher_one_is_open() -> None:
    watch = Watch()
    watch.fails("feed.stale")
    watch.after(15).look()
    assert watch.after(60).fails("auth.required") == ["opened auth"]
    assert watch.until("10:59") == ["10:16:15 reminder auth", "10:31:15 reminder auth"]
    watch.fails("services.failed")
    assert watch.until("10:59") == []
    watch.shows()
    assert watch.until("11:30") == ["11:00:00 resolved auth"]
    assert watch.told[-1].title == "Over: Login required; No ticks"


def test_a_lower_failure_that_outlasts_the_higher_one_is_told_then() -> None:
    watch = Watch()
    watch.fails("auth.required")
    watch.after(600).fails("feed.stale")
    assert watch.until("10:20") == ["10:11:00 resolved auth", "10:11:00 opened feed"]


def test_four_changes_within_ten_minutes_are_one_message_and_then_silence_until_it_is_stable() -> None:
    watch = Watch()
    told = []
    for _ in range(6):
        told += watch.fails()
        told += watch.after(30).look()
        told += watch.shows()
        watch.after(30)
    assert told == ["opened feed", "flapping feed"]
    assert watch.told[1].detail == "4 changes within 10 minutes. No more messages until it is stable."
    assert watch.until("12:00") == ["10:15:30 resolved feed"]


def test_a_flapping_layer_that_settles_in_failure_is_told_again() -> None:
    watch = Watch()
    for _ in range(3):
        watch.fails()
        watch.after(20).shows()
        watch.after(20)
    watch.fails()
    assert watch.until("12:00") == [
        "10:12:00 opened feed",
        "10:27:00 reminder feed",
        "10:42:00 reminder feed",
        "11:12:00 reminder feed",
    ]


def test_changes_that_are_far_apart_do_not_flap() -> None:
    watch = Watch()
    for _ in range(6):
        watch.fails()
        watch.after(200).shows()
        watch.after(200)
    assert "flapping" not in {message.kind for message in watch.told}


@pytest.mark.parametrize("code", ["auth.exchanging", "auth.checking"])
def test_a_login_under_way_neither_ends_an_incident_nor_counts_as_a_change(code: str) -> None:
    watch = Watch()
    watch.fails("auth.required")
    for _ in range(4):
        assert watch.after(20).shows(code, Severity.WARNING) == []
        assert watch.after(15).fails("auth.required") == []
    watch.after(5).shows(code, Severity.WARNING)
    assert watch.until("10:10") == []


def test_a_warning_never_pages() -> None:
    watch = Watch()
    watch.shows("auth.expiring", Severity.WARNING)
    assert watch.until("15:00") == []


def test_outside_the_wanted_window_nothing_is_told_and_an_incident_ends_in_silence() -> None:
    watch = Watch("15:50")
    watch.fails("auth.required")
    watch.at("16:00").shows("auth.required", Severity.WARNING, wanted=False, auth="required")
    assert watch.until("23:00") == []
    watch.fails("system.stale", wanted=False)
    assert watch.until("23:30") == []


def test_a_stopping_daemon_is_no_incident() -> None:
    watch = Watch()
    assert watch.fails("system.stopping") == []
    assert watch.until("11:00") == []


# The morning


def test_the_morning_warning_comes_once_before_the_open_with_the_link() -> None:
    watch = Watch("07:00")
    watch.shows("auth.required", Severity.WARNING, wanted=False, auth="expired", forecast="none")
    assert watch.until("08:39") == ["08:15:00 morning auth"]
    assert (watch.told[0].code, watch.told[0].login) == ("auth.required", True)
    assert watch.told[0].text(LINK) == (
        f"Log in before 09:00\nThe broker's session has ended; data is due from 09:00.\nLog in: {LINK}"
    )
    watch.at("08:40")
    assert watch.fails("auth.required", wanted=True) == ["opened auth"]
    watch.at("08:50").shows("market.closed", auth="valid", forecast="lasts")
    assert watch.until("15:00") == ["08:51:00 resolved auth"]
    assert watch.told[-1].detail == "After 10 minutes."
    watch.at("08:00")
    watch.now += timedelta(days=1)
    watch.seen["session"] = tuple(moment + timedelta(days=1) for moment in SESSION)
    watch.shows("auth.required", Severity.WARNING, wanted=False, auth="required")
    assert watch.rules.next_deadline(watch.now) == watch.now + timedelta(minutes=15)
    assert watch.after(900).look() == ["morning auth"]


@pytest.mark.parametrize(
    ("forecast", "when"), [("dies_before", "before the market opens"), ("dies_during", "while the market is open")]
)
@pytest.mark.parametrize("auth", ["valid", "expiring"])
def test_a_token_that_will_not_last_is_a_reason_for_the_morning_warning(auth: str, forecast: str, when: str) -> None:
    watch = Watch("08:00")
    watch.shows("market.closed", wanted=False, auth=auth, forecast=forecast)
    assert watch.until("08:30") == ["08:15:00 morning auth"]
    assert (watch.told[0].code, watch.told[0].login) == ("auth.expiring", True)
    assert watch.told[0].detail == f"The broker's session is expected to end {when}."


def test_without_any_session_the_warning_says_so() -> None:
    watch = Watch("08:15")
    watch.shows("auth.required", Severity.WARNING, wanted=False, auth="required")
    assert watch.told[0].detail == "There is no session with the broker; data is due from 09:00."


def test_a_warning_after_the_first_data_was_due_names_no_hour() -> None:
    watch = Watch("09:30")
    watch.shows("market.live", auth="valid", forecast="dies_during")
    assert watch.told[0].title == "A new login is needed today"
    first = Watch("09:00")
    first.shows("market.live", auth="valid", forecast="dies_during")
    assert first.told[0].title == "A new login is needed today"


@pytest.mark.parametrize(
    "why",
    [
        {"session": None, "auth": "required"},  # a holiday
        {"auth": "valid", "forecast": "lasts"},
        {"auth": "valid", "forecast": "provisional"},  # the probes decide
        {"auth": "unknown", "forecast": "unknown"},
        {"auth": "verifying", "forecast": "dies_before"},
        {"auth": "exchanging", "forecast": "none"},
    ],
)
def test_there_is_no_morning_warning_without_need(why: dict[str, Any]) -> None:
    watch = Watch("07:00")
    watch.shows("market.closed", wanted=False, **why)
    assert watch.until("08:59") == []


def test_a_token_found_dead_after_the_hour_is_warned_of_then() -> None:
    watch = Watch("08:00")
    watch.shows("market.closed", wanted=False)
    assert watch.until("08:20") == []
    assert watch.shows("auth.required", Severity.WARNING, auth="expired") == ["morning auth"]


def test_the_next_morning_is_looked_forward_to_when_nothing_else_is() -> None:
    watch = Watch("09:00")
    watch.look()
    assert watch.rules.next_deadline(watch.now) == DAY.replace(day=24, hour=8, minute=15)
    assert watch.rules.next_deadline(DAY) == DAY.replace(hour=8, minute=15)


def test_after_the_session_it_is_no_morning_any_more() -> None:
    watch = Watch("15:30")
    assert watch.shows("auth.required", Severity.WARNING, wanted=False, auth="required") == []


# Memory


def test_a_restart_repeats_nothing() -> None:
    watch = Watch("08:15")
    watch.shows("auth.required", Severity.WARNING, wanted=False, auth="required")
    watch.at("08:20").restart()
    assert watch.look() == []
    watch.at("08:40").fails("auth.required", wanted=True)
    assert [message.kind for message in watch.told] == ["morning", "opened"]
    watch.at("08:45").restart()
    watch.shows("auth.checking", Severity.WARNING)
    assert watch.after(20).fails("auth.required") == []
    assert watch.until("09:00") == ["08:55:00 reminder auth"]
    watch.restart()
    assert watch.until("09:20") == ["09:10:00 reminder auth"]


def test_an_incident_of_yesterday_says_nothing_about_today() -> None:
    watch = Watch("15:20")
    watch.fails()
    watch.after(15).look()
    watch.now += timedelta(hours=18)
    watch.restart()
    assert watch.look() == []
    assert watch.after(15).look() == ["opened feed"]


def test_an_incident_of_twelve_hours_ago_is_forgotten() -> None:
    watch = Watch("10:00")
    watch.fails()
    watch.after(15).look()
    watch.now += timedelta(hours=12, seconds=-1)
    watch.restart()
    assert watch.rules.troubles
    watch.now += timedelta(seconds=1)
    watch.restart()
    assert not watch.rules.troubles


FAILING: dict[str, Any] = {
    "failing": True,
    "since": None,
    "code": "feed.lost",
    "text": "lost",
    "opened_at": None,
    "told": [],
    "reminders": 0,
    "flips": [],
    "flapping": False,
}


@pytest.mark.parametrize(
    "memory",
    [
        None,
        [],
        {},
        {"version": 2, "warned_on": None, "troubles": {}},
        {"version": 1, "warned_on": "yesterday", "troubles": {}},
        {"version": 1, "warned_on": None, "troubles": {"weather": {}}},
        {"version": 1, "warned_on": None, "troubles": {"auth": {}}},
        {"version": 1, "warned_on": None, "troubles": []},
        {"version": 1, "warned_on": None, "troubles": {"feed": FAILING | {"reminders": float("inf")}}},
        {"version": 1, "warned_on": None, "troubles": {"feed": FAILING | {"since": "2026-11-23T10:00:00"}}},
    ],
)
def test_a_damaged_memory_is_refused(memory: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        AlertRules().remember(memory, DAY)


def test_an_incident_of_a_minute_lasted_one_minute_and_not_one_minutes() -> None:
    watch = Watch()
    watch.fails()
    watch.until("10:01")
    watch.after(30).shows()
    watch.until("10:10")
    assert watch.told[-1].text(LINK) == "Over: No ticks\nAfter 1 minute."


def flapped(*, told_first: bool) -> Watch:
    """A layer that flaps: after an incident of ten minutes that people were told of, or out of nothing."""
    watch = Watch()
    if told_first:
        watch.fails()
        watch.after(15).look()
        watch.after(585).shows()
    while "flapping" not in {message.kind for message in watch.told}:
        watch.after(5).fails()
        watch.after(5).shows()
    return watch


def test_what_flaps_out_of_nothing_is_an_incident_from_then_on() -> None:
    watch = flapped(told_first=False)
    began = watch.now
    assert [message.kind for message in watch.told] == ["flapping"]
    watch.until("11:00")
    over = watch.told[-1]
    assert (over.kind, over.text(LINK)) == ("resolved", "Over: No ticks\nAfter less than a minute.")
    assert over.at - began >= timedelta(minutes=10)
    assert watch.rules.memory()["troubles"] == {}


def test_what_flaps_within_an_incident_is_that_incident() -> None:
    watch = flapped(told_first=True)
    assert [message.kind for message in watch.told] == ["opened", "flapping"]
    watch.until("11:00")
    assert watch.told[-1].kind == "resolved"
    assert watch.told[-1].text(LINK) == "Over: No ticks\nAfter 10 minutes."


def test_what_flaps_and_goes_on_is_remembered_from_its_first_word() -> None:
    watch = flapped(told_first=False)
    at = watch.now
    (trouble,) = watch.rules.troubles.values()
    assert trouble.opened_at == at
    again = flapped(told_first=True)
    (trouble,) = again.rules.troubles.values()
    assert trouble.opened_at == DAY.replace(hour=10, second=15)


def test_three_troubles_that_end_together_are_one_message() -> None:
    over = [
        Message(kind="resolved", title=f"Over: {what}", detail="", layer=Layer.FEED, code="", at=DAY, login=False)
        for what in ("Login required", "No ticks", "Calendar")
    ]
    (told,) = _together(over)
    assert told.title == "Over: Login required; No ticks; Calendar"
    assert _together(over[:1]) == over[:1]


def test_a_memory_of_another_version_is_told_with_its_version() -> None:
    with pytest.raises(ValueError, match=r"\Aversion 2 is not known\Z"):
        AlertRules().remember({"version": 2, "warned_on": None, "troubles": {}}, DAY)


def test_a_memory_keeps_flips_and_forgets_what_has_no_time() -> None:
    flips = [DAY.isoformat(), None]
    rules = AlertRules()
    rules.remember({"version": 1, "warned_on": None, "troubles": {"feed": FAILING | {"flips": flips}}}, DAY)
    assert rules.troubles == {}
    trouble = FAILING | {"flips": flips, "since": DAY.isoformat()}
    rules.remember({"version": 1, "warned_on": "2026-11-22", "troubles": {"feed": trouble}}, DAY)
    assert rules.troubles[Layer.FEED].flips == (DAY,)
    assert rules.warned_on == DAY.date() - timedelta(days=1)


def test_a_message_leads_to_the_login_only_when_it_says_so() -> None:
    message = Message(kind="opened", title="No ticks", detail="", layer=Layer.FEED, code="feed.stale", at=DAY)
    assert LINK not in message.text(LINK)


def test_what_a_look_at_the_desk_does_not_say_is_nothing() -> None:
    seen = Seen(now=DAY, code="market.live", layer=Layer.MARKET, severity=Severity.OK, text="")
    assert (seen.detail, seen.wanted, seen.auth, seen.forecast, seen.session) == ("", False, "valid", None, None)
