"""The token's machine: evidence decides, the clock only hints, and nothing but a broker's own word kills a token."""

from typing import Any

import pytest

from machines_at import AUTH_STATES, HOUR, START, auth_in, tell, token, wake
from tradewarden.machines.auth import ANSWER_LIMIT, NEAR_EXPIRY, AuthToken, Exchange, ReadToken, Verify
from tradewarden.machines.backoff import SECOND

MINUTE = 60 * SECOND
HOLDING = ("unknown", "exchanging", "verifying", "valid", "expiring")
FACTS: dict[str, dict[str, Any]] = {
    "token_found": {"token": token(3)},
    "token_missing": {},
    "logout": {},
    "login_callback": {"request_token": "another"},
    "exchange_ok": {"token": token(3)},
    "exchange_failed": {"reason": "refused"},
    "exchange_late": {"reason": "unreachable"},
    "verify_ok": {"gen": 2},
    "rejected": {"gen": 2},
    "refused": {"gen": 2},
    "unreachable": {"gen": 2},
    "verify_late": {},
    "recheck": {},
    "near": {},
    "past": {},
    "probe_hour": {},
}

# Row by row what machines.md says; "-" is ignored and counted, "fresh" is valid, or expiring near the token's end.
TABLE = """
from       token_found token_missing logout   login_callback exchange_ok exchange_failed verify_ok rejected refused   unreachable
unknown    verifying   required      required exchanging     fresh       -               fresh     expired  verifying -
required   verifying   -             -        exchanging     fresh       -               -         -        -         -
exchanging verifying   stays         stays    stays          fresh       verifying       stays     stays    stays     stays
verifying  stays       required      required exchanging     fresh       -               fresh     expired  stays     unknown
valid      verifying   required      required exchanging     fresh       -               fresh     expired  verifying stays
expiring   verifying   required      required exchanging     fresh       -               fresh     expired  verifying stays
expired    verifying   required      required exchanging     fresh       -               -         -        -         -
"""  # noqa: E501 - a table

# The deadlines' own events, which their deadlines alone fire.
TIMED = """
from       exchange_late verify_late recheck   near     past      probe_hour
unknown    -             -           verifying -        stays     -
required   -             -           -         -        -         -
exchanging verifying     -           -         -        stays     -
verifying  -             unknown     -         -        stays     -
valid      -             -           -         expiring -         stays
expiring   -             -           -         -        verifying stays
expired    -             -           -         -        -         -
"""


def cells(table: str) -> list[tuple[str, str, str]]:
    head, *rows = (line.split() for line in table.strip().splitlines())
    return [(row[0], event, cell) for row in rows for event, cell in zip(head[1:], row[1:], strict=True)]


def questions(effects: list[Any]) -> list[int]:
    return [effect.token.generation for effect in effects if isinstance(effect, Verify)]


def reported() -> AuthToken:
    """Another program has reported token 2 dead; our own question is on its way."""
    machine = auth_in("valid")
    tell(machine, "rejected", gen=2, ours=False)
    return machine


@pytest.mark.parametrize(("state", "event", "expected"), cells(TABLE) + cells(TIMED))
def test_each_event_in_each_state_leads_where_the_table_says(state: str, event: str, expected: str) -> None:
    machine = auth_in(state)
    since, known = machine.since, machine.ignored_total + machine.stale_results_total
    effects = tell(machine, event, after=HOUR, **FACTS[event])
    counted = machine.ignored_total + machine.stale_results_total - known
    if expected in ("-", "stays"):
        assert (machine.leaf, machine.since) == (state, since)
        assert counted == (expected == "-")
        assert not effects or expected == "stays"
    else:
        assert machine.leaf == {"fresh": "valid"}.get(expected, expected)
        assert counted == 0
        assert machine.since == (since if machine.leaf == state else machine.now)


@pytest.mark.parametrize(("state", "event"), [cell[:2] for cell in cells(TABLE) if cell[2] == "fresh"])
def test_a_good_token_near_its_end_is_expiring_and_not_valid(state: str, event: str) -> None:
    machine = auth_in(state)
    tell(machine, event, expires_at=START + NEAR_EXPIRY, **FACTS[event])
    assert (machine.leaf, machine.verdict) == ("expiring", "expiring")


@pytest.mark.parametrize(("state", "event"), [cell[:2] for cell in cells(TABLE) if cell[2] == "fresh"])
def test_a_good_token_with_half_an_hour_and_a_moment_left_is_valid(state: str, event: str) -> None:
    machine = auth_in(state)
    machine.hint(expires_at=None, probe_at=None)
    tell(machine, event, expires_at=START + NEAR_EXPIRY + 1, **FACTS[event])
    assert (machine.leaf, machine.verdict) == ("valid", "valid")


# Who may say what about which token


@pytest.mark.parametrize("event", ["verify_ok", "rejected", "refused", "unreachable"])
@pytest.mark.parametrize("state", AUTH_STATES)
@pytest.mark.parametrize("generation", [1, 3])
def test_an_answer_about_another_token_is_dropped_and_counted(state: str, event: str, generation: int) -> None:
    machine = auth_in(state)
    before = machine.leaf, machine.held, machine.doubted, machine.failures, machine.next_deadline()
    assert tell(machine, event, gen=generation) == []
    assert (machine.leaf, machine.held, machine.doubted, machine.failures, machine.next_deadline()) == before
    assert (machine.stale_results_total, machine.ignored_total) == (1, 0)


@pytest.mark.parametrize("event", ["verify_ok", "rejected", "refused", "unreachable"])
@pytest.mark.parametrize("state", ["unknown", "exchanging"])
def test_without_a_token_every_answer_is_about_another_one(state: str, event: str) -> None:
    machine = auth_in(state, held=False)
    assert tell(machine, event, gen=2) == []
    assert (machine.leaf, machine.verdict, machine.doubted, machine.stale_results_total) == (state, None, False, 1)


@pytest.mark.parametrize("state", HOLDING)
@pytest.mark.parametrize("generation", [1, 2])
def test_a_token_that_is_not_newer_than_the_held_one_is_no_news(state: str, generation: int) -> None:
    machine = auth_in(state)
    assert not machine.is_new(token(generation))
    assert tell(machine, "token_found", token=token(generation)) == []
    assert (machine.leaf, machine.stale_results_total) == (state, 1)


def test_a_dead_value_read_again_from_the_file_is_no_news() -> None:
    machine = auth_in("expired")
    for _ in range(3):
        assert tell(machine, "token_found", token=token(2)) == []
    assert machine.leaf == "expired"


def test_a_dead_value_stays_dead_when_its_file_is_deleted_and_comes_back() -> None:
    machine = auth_in("expired")
    tell(machine, "token_missing")
    assert machine.leaf == "required"
    assert tell(machine, "token_found", token=token(2)) == []
    assert machine.leaf == "required"


def test_a_file_that_is_empty_for_the_moment_in_which_it_is_written_does_not_cost_the_token() -> None:
    machine = auth_in("valid")
    tell(machine, "token_missing")
    assert machine.leaf == "required"
    assert questions(tell(machine, "token_found", token=token(2))) == [2]
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.usable(machine.now)) == ("valid", True)


@pytest.mark.parametrize("state", [*HOLDING, "expired"])
def test_a_token_that_a_person_logged_out_of_does_not_come_back_by_itself(state: str) -> None:
    machine = auth_in(state)
    tell(machine, "logout")
    assert not machine.usable(machine.now)
    assert tell(machine, "token_found", token=token(2)) == []
    tell(machine, "token_found", token=token(3))
    assert (machine.leaf, machine.held) == ("verifying", token(3))


@pytest.mark.parametrize("state", ["unknown", "verifying", "valid", "expiring"])
def test_somebody_elses_token_is_given_up_and_said_why(state: str) -> None:
    machine = auth_in(state)
    tell(machine, "logout", reason="other_account")
    assert (machine.leaf, machine.reason, machine.disowned) == ("required", "other_account", 2)
    assert not machine.is_new(token(2))


def test_ones_own_token_is_nobody_elses_when_a_person_logs_out() -> None:
    machine = auth_in("valid")
    tell(machine, "logout")
    assert (machine.reason, machine.disowned) == (None, None)


@pytest.mark.parametrize("event", ["token_missing", "logout", "rejected"])
@pytest.mark.parametrize("state", HOLDING)
def test_a_token_that_is_missing_waived_or_rejected_is_not_held_any_more(state: str, event: str) -> None:
    machine = auth_in(state)
    tell(machine, event, **FACTS[event])
    assert (machine.held, machine.verdict, machine.usable(machine.now)) == (None, None, False)
    assert (machine.expires_at, machine.probe_at, machine.confirmed) == (None, None, False)
    assert machine.reason == ("rejected" if event == "rejected" else None)


# Usable


@pytest.mark.parametrize("state", HOLDING)
def test_a_held_token_is_usable_whatever_is_being_asked(state: str) -> None:
    machine = auth_in(state)
    assert machine.usable(machine.now)


@pytest.mark.parametrize("state", ["required", "expired"])
def test_where_a_person_is_needed_nothing_is_usable(state: str) -> None:
    machine = auth_in(state)
    assert not machine.usable(machine.now)


@pytest.mark.parametrize("state", HOLDING)
def test_a_token_past_its_hint_is_not_usable_until_there_is_a_verdict(state: str) -> None:
    machine = auth_in(state)
    end = machine.now + MINUTE
    machine.hint(expires_at=end, probe_at=None)
    assert machine.usable(end - 1)
    assert not machine.usable(end)
    tell(machine, "verify_ok", after=MINUTE, gen=2, expires_at=end + 20 * HOUR)
    assert machine.usable(machine.now)
    assert machine.expires_at == end + 20 * HOUR


@pytest.mark.parametrize("state", ["unknown", "exchanging", "verifying"])
def test_the_others_hear_at_once_that_a_token_went_past_its_hint(state: str) -> None:
    machine = auth_in(state)
    end = machine.now + SECOND // 10
    machine.hint(expires_at=end, probe_at=None)
    assert machine.next_deadline() == end
    assert wake(machine) == []
    assert (machine.leaf, machine.usable(machine.now)) == (state, False)
    later = machine.next_deadline()
    assert later is not None
    assert later > end, "the same deadline must not ring again"


@pytest.mark.parametrize("state", ["unknown", "verifying", "valid", "expiring"])
def test_a_refusal_casts_doubt_and_asks(state: str) -> None:
    machine = auth_in(state)
    effects = tell(machine, "refused", after=MINUTE, gen=2)
    assert (machine.leaf, machine.doubted, machine.confirmed) == ("verifying", True, False)
    assert not machine.usable(machine.now)
    assert questions(effects) == [2]


def test_a_refusal_while_a_login_is_exchanged_casts_doubt_on_the_old_token() -> None:
    machine = auth_in("exchanging")
    assert questions(tell(machine, "refused", gen=2)) == [2]
    assert (machine.leaf, machine.doubted) == ("exchanging", True)
    tell(machine, "unreachable", gen=2)
    assert (machine.leaf, machine.doubted, machine.usable(machine.now)) == ("exchanging", False, True)


@pytest.mark.parametrize(
    ("event", "facts", "confirmed"),
    [
        ("verify_ok", {"gen": 2}, True),
        ("unreachable", {"gen": 2}, False),
        ("verify_late", {}, False),
        ("token_found", {"token": token(3)}, False),
        ("exchange_ok", {"token": token(3)}, True),
    ],
)
def test_a_doubt_is_lifted_by_a_verdict_by_silence_and_by_a_new_token(
    event: str,
    facts: dict[str, Any],
    confirmed: bool,  # noqa: FBT001 - drawn
) -> None:
    machine = auth_in("valid")
    tell(machine, "refused", gen=2)
    tell(machine, event, **facts)
    assert (machine.doubted, machine.usable(machine.now), machine.confirmed) == (False, True, confirmed)


def test_a_doubt_ends_with_the_token() -> None:
    machine = auth_in("valid")
    tell(machine, "refused", gen=2)
    tell(machine, "token_missing")
    assert not machine.doubted


# Only evidence


@pytest.mark.parametrize("state", HOLDING)
def test_an_unreachable_broker_never_expires_a_token_and_never_asks_for_a_login(state: str) -> None:
    machine = auth_in(state)
    for _ in range(5):
        tell(machine, "unreachable", gen=2)
        assert machine.leaf not in ("required", "expired")
        assert machine.usable(machine.now)
        if machine.leaf == "unknown":
            wake(machine)


def test_five_timeouts_in_a_row_leave_a_valid_token_valid() -> None:
    machine = auth_in("valid")
    for failures in range(1, 6):
        tell(machine, "unreachable", gen=2)
        assert (machine.leaf, machine.failures, machine.verdict) == ("valid", failures, "valid")


def test_the_clock_alone_never_expires_a_token() -> None:
    machine = auth_in("expiring")
    assert questions(wake(machine)) == [2]
    assert machine.leaf == "verifying"
    for _ in range(20):
        wake(machine)
        assert machine.leaf in ("verifying", "unknown")
        assert machine.held == token(2)
    tell(machine, "rejected", gen=2)
    assert machine.leaf == "expired"


def test_a_token_is_unknown_before_anybody_said_anything() -> None:
    machine = auth_in("unknown", held=False)
    assert (machine.leaf, machine.verdict, machine.usable(START)) == ("unknown", None, False)


def test_a_rejection_of_our_own_is_not_asked_again() -> None:
    machine = auth_in("valid")
    assert tell(machine, "rejected", gen=2, ours=True) == []
    assert (machine.leaf, machine.failures, machine.next_deadline()) == ("expired", 1, None)


def test_a_good_word_cannot_wake_a_token_that_our_own_probe_found_dead() -> None:
    machine = auth_in("expired")
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.held) == ("expired", None)


@pytest.mark.parametrize("state", HOLDING)
def test_a_token_error_that_somebody_else_met_counts_at_once_and_is_asked_once(state: str) -> None:
    machine = auth_in(state)
    asked_before = machine._asked == 2
    effects = tell(machine, "rejected", gen=2, ours=False)
    assert machine.leaf == ("exchanging" if state == "exchanging" else "expired")
    assert (machine.held, machine.failures) == (None, machine.failures)
    assert questions(effects) == ([] if asked_before else [2]), "a probe under way answers as well"


def test_a_reporter_who_was_wrong_costs_nothing() -> None:
    machine = reported()
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.held, machine.usable(machine.now)) == ("valid", token(2), True)
    tell(machine, "token_missing")
    assert machine.is_new(token(2)), "it is not on record as dead"


def test_a_reporter_who_was_wrong_near_the_end_leaves_the_token_expiring() -> None:
    machine = reported()
    tell(machine, "verify_ok", gen=2, expires_at=machine.now + MINUTE)
    assert (machine.leaf, machine.expires_at) == ("expiring", machine.now + MINUTE)


@pytest.mark.parametrize(("event", "facts"), [("rejected", {"gen": 2}), ("unreachable", {"gen": 2})])
def test_a_reporter_who_was_right_or_cannot_be_checked_changes_nothing_more(event: str, facts: dict[str, Any]) -> None:
    machine = reported()
    assert tell(machine, event, **facts) == []
    assert (machine.leaf, machine.rejected_token, machine.ignored_total) == ("expired", token(2), 1)
    assert not machine.is_new(token(2))


def test_a_reporter_who_was_wrong_is_found_out_during_a_login_as_well() -> None:
    machine = reported()
    tell(machine, "login_callback", request_token="r")
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.held, machine.rejected_token) == ("exchanging", token(2), None)
    tell(machine, "exchange_failed", reason="refused")
    assert machine.leaf == "verifying"


def test_a_reporter_who_was_right_is_believed_during_a_login_as_well() -> None:
    machine = reported()
    tell(machine, "login_callback", request_token="r")
    tell(machine, "rejected", gen=2)
    assert (machine.leaf, machine.held, machine.rejected_token) == ("exchanging", None, token(2))
    assert not machine.is_new(token(2))


def test_after_a_logout_no_answer_brings_the_token_back() -> None:
    machine = reported()
    tell(machine, "login_callback", request_token="r")
    tell(machine, "logout")
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.held) == ("exchanging", None)


# Questions


@pytest.mark.parametrize("state", ["unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired"])
def test_a_new_token_is_asked_about_at_once(state: str) -> None:
    machine = auth_in(state)
    assert tell(machine, "token_found", token=token(3), expires_at=START + HOUR) == [Verify(token(3))]
    assert (machine.held, machine.verdict, machine.expires_at) == (token(3), None, START + HOUR)
    assert machine.unsettled_since == machine.now


def test_one_question_at_a_time_about_one_token() -> None:
    machine = auth_in("verifying")
    assert questions(tell(machine, "refused", gen=2)) == []
    assert questions(tell(machine, "token_found", token=token(3))) == [3]
    assert questions(tell(machine, "refused", gen=3)) == []


def test_a_probe_in_the_background_and_a_refusal_are_one_question() -> None:
    machine = auth_in("valid")
    machine.hint(expires_at=None, probe_at=machine.now + MINUTE)
    assert questions(wake(machine)) == [2]
    assert machine.leaf == "valid"
    assert questions(tell(machine, "refused", after=SECOND, gen=2)) == []
    assert machine.next_deadline() == machine.now + ANSWER_LIMIT, "a refusal gives the broker its full time to answer"


def test_a_question_that_was_never_answered_does_not_stand_in_the_way_of_the_next_one() -> None:
    machine = auth_in("valid")
    machine.hint(expires_at=None, probe_at=machine.now + MINUTE)
    assert questions(wake(machine)) == [2]
    machine.hint(expires_at=None, probe_at=machine.now + ANSWER_LIMIT - 1)
    assert questions(wake(machine)) == []
    machine.hint(expires_at=None, probe_at=machine.now + 1)
    assert questions(wake(machine)) == [2]


def test_after_a_late_answer_was_given_up_the_question_is_put_again() -> None:
    machine = auth_in("verifying")
    wake(machine)
    assert machine.leaf == "unknown"
    assert questions(wake(machine)) == [2]
    assert machine.leaf == "verifying"


@pytest.mark.parametrize("state", ["valid", "expiring"])
def test_at_a_probe_hour_the_broker_is_asked_and_nothing_is_given_up(state: str) -> None:
    machine = auth_in(state)
    machine.hint(expires_at=machine.expires_at, probe_at=machine.now + SECOND)
    assert machine.next_deadline() == machine.now + SECOND
    assert questions(wake(machine)) == [2]
    assert (machine.leaf, machine.verdict, machine.probe_at) == (state, state, None)
    assert machine.usable(machine.now)


@pytest.mark.parametrize("state", ["valid", "expiring"])
def test_an_unanswered_probe_is_repeated_with_the_backoff(state: str) -> None:
    machine = auth_in(state)
    machine.hint(expires_at=None, probe_at=None)
    for tries in range(9):
        tell(machine, "unreachable", gen=2)
        wait = min(30 * SECOND, SECOND // 2 * 2**tries) // 2
        assert machine.next_deadline() == machine.retry_at == machine.now + wait
        assert questions(wake(machine)) == [2]
    assert machine.leaf == state


def test_in_unknown_the_question_is_repeated_with_the_backoff_for_ever() -> None:
    machine = auth_in("verifying")
    waits = []
    for _ in range(10):
        tell(machine, "unreachable", gen=2)
        assert machine.leaf == "unknown"
        assert machine.retry_at == machine.next_deadline()
        waits.append((machine.next_deadline() or 0) - machine.now)
        assert questions(wake(machine)) == [2]
        assert machine.leaf == "verifying"
    assert waits == [min(30 * SECOND, SECOND // 2 * 2**tries) // 2 for tries in range(10)]


@pytest.mark.parametrize(
    ("event", "facts"),
    [("verify_ok", {"gen": 2}), ("exchange_ok", {"token": token(3)}), ("token_found", {"token": token(3)})],
)
def test_a_verdict_or_a_new_token_makes_the_wait_short_again(event: str, facts: dict[str, Any]) -> None:
    machine = auth_in("unknown")
    for _ in range(8):
        wake(machine)
        tell(machine, "unreachable", gen=2)
    tell(machine, event, **facts)
    assert machine.held is not None
    tell(machine, "unreachable", gen=machine.held.generation)
    assert machine.retry_at == machine.now + SECOND // 4


def test_without_a_token_unknown_reads_the_files_again_a_little_later_each_time() -> None:
    machine = auth_in("unknown", held=False)
    waits = []
    for _ in range(9):
        assert wake(machine) == [ReadToken()]
        assert machine.leaf == "unknown"
        waits.append((machine.next_deadline() or 0) - machine.now)
    assert waits[:3] == [SECOND // 4, SECOND // 2, SECOND]
    assert waits[-1] == 15 * SECOND


def test_failures_count_since_the_last_good_word() -> None:
    machine = auth_in("valid")
    tell(machine, "unreachable", gen=2)
    tell(machine, "unreachable", gen=2)
    assert machine.failures == 2
    tell(machine, "verify_ok", gen=2)
    assert (machine.failures, machine.reason) == (0, None)


def test_a_token_that_dies_after_two_silences_has_failed_three_times() -> None:
    machine = auth_in("valid")
    for event in ("unreachable", "unreachable", "rejected"):
        tell(machine, event, gen=2)
    assert (machine.leaf, machine.failures) == ("expired", 3)


# Deadlines


def test_nobody_waits_longer_than_fifteen_seconds_for_a_verdict() -> None:
    machine = auth_in("verifying")
    assert machine.next_deadline() == machine.since + 15 * SECOND
    wake(machine)
    assert (machine.leaf, machine.reason, machine.failures) == ("unknown", "unreachable", 1)
    assert machine.usable(machine.now)


def test_a_newer_token_gets_its_own_fifteen_seconds() -> None:
    machine = auth_in("verifying")
    tell(machine, "token_found", after=10 * SECOND, token=token(3))
    assert machine.next_deadline() == machine.now + 15 * SECOND


def test_nobody_waits_longer_than_fifteen_seconds_for_a_login() -> None:
    machine = auth_in("exchanging", held=False)
    assert machine.next_deadline() == machine.since + 15 * SECOND
    wake(machine)
    assert (machine.leaf, machine.reason) == ("required", "unreachable")


def test_a_newer_login_gets_its_own_fifteen_seconds() -> None:
    machine = auth_in("exchanging", held=False)
    tell(machine, "login_callback", after=10 * SECOND, request_token="newer")
    assert machine.next_deadline() == machine.now + 15 * SECOND


def test_a_valid_token_is_expiring_half_an_hour_before_its_hint() -> None:
    machine = auth_in("valid", expires_at=START + HOUR)
    assert machine.next_deadline() == START + HOUR - 1800 * SECOND
    assert wake(machine) == []
    assert (machine.leaf, machine.verdict, machine.usable(machine.now)) == ("expiring", "expiring", True)
    assert machine.next_deadline() == START + HOUR


@pytest.mark.parametrize(("probe", "event"), [(20 * MINUTE, "valid"), (40 * MINUTE, "expiring")])
def test_the_nearer_of_probe_hour_and_expiry_comes_first(probe: int, event: str) -> None:
    machine = auth_in("valid", expires_at=START + HOUR)
    machine.hint(expires_at=START + HOUR, probe_at=START + probe)
    wake(machine)
    assert machine.leaf == event


def test_after_a_long_suspend_every_missed_deadline_has_its_turn() -> None:
    machine = auth_in("valid", expires_at=START + HOUR)
    machine.hint(expires_at=START + HOUR, probe_at=START + 2 * HOUR)
    now, seen = START + 9 * HOUR, []
    while (deadline := machine.next_deadline()) is not None and deadline <= now:
        machine.due(now)
        seen.append(machine.leaf)
    assert seen == ["expiring", "verifying"]


@pytest.mark.parametrize("state", ["required", "expired"])
def test_where_a_person_is_needed_there_is_nothing_to_wait_for(state: str) -> None:
    assert auth_in(state).next_deadline() is None


def test_a_hint_in_the_past_leads_to_a_question_and_not_to_a_verdict() -> None:
    machine = auth_in("valid", expires_at=START + HOUR)
    machine.hint(expires_at=machine.now - HOUR, probe_at=None)
    wake(machine)
    assert machine.leaf == "expiring"
    assert questions(wake(machine)) == [2]
    assert (machine.leaf, machine.usable(machine.now)) == ("verifying", False)


def test_a_token_found_past_its_hint_waits_for_a_verdict() -> None:
    machine = auth_in("required")
    tell(machine, "token_found", token=token(2), expires_at=machine.now - HOUR)
    assert not machine.usable(machine.now)
    tell(machine, "verify_ok", gen=2, expires_at=machine.now + 20 * HOUR)
    assert (machine.leaf, machine.usable(machine.now)) == ("valid", True)


@pytest.mark.parametrize("state", HOLDING)
def test_a_good_word_before_the_hint_does_not_move_it(state: str) -> None:
    machine = auth_in(state)
    end = machine.now + 10 * HOUR
    machine.hint(expires_at=end, probe_at=None)
    tell(machine, "verify_ok", gen=2, expires_at=end + 20 * HOUR)
    assert machine.expires_at == end


def test_a_good_word_at_the_very_hint_moves_it() -> None:
    machine = auth_in("expiring")
    end = machine.expires_at or 0
    machine.now = end
    tell(machine, "verify_ok", gen=2, expires_at=end + 20 * HOUR)
    assert (machine.leaf, machine.expires_at) == ("valid", end + 20 * HOUR)


def test_a_good_word_without_a_hint_before_sets_one() -> None:
    machine = auth_in("valid")
    tell(machine, "verify_ok", gen=2, expires_at=machine.now + 20 * HOUR)
    assert machine.expires_at == machine.now + 20 * HOUR


def test_a_good_word_for_an_expiring_token_leaves_it_expiring() -> None:
    machine = auth_in("expiring")
    tell(machine, "verify_ok", gen=2, expires_at=machine.now + 20 * HOUR)
    assert (machine.leaf, machine.verdict) == ("expiring", "expiring")


# Logins


@pytest.mark.parametrize("state", [state for state in AUTH_STATES if state != "exchanging"])
def test_a_login_is_exchanged_and_what_was_held_stays_held(state: str) -> None:
    machine = auth_in(state)
    held, usable = machine.held, machine.usable(machine.now)
    effects = tell(machine, "login_callback", request_token="another")
    assert effects == [Exchange("another", 1)]
    assert (machine.leaf, machine.held, machine.usable(machine.now)) == ("exchanging", held, usable)


def test_no_secret_is_in_what_a_machine_asks_for() -> None:
    assert "another" not in repr(Exchange("another", 1))
    assert "secret" not in repr(Verify(token(2)))


@pytest.mark.parametrize("state", AUTH_STATES)
def test_the_token_of_a_login_is_taken_whenever_it_comes(state: str) -> None:
    machine = auth_in(state)
    assert tell(machine, "exchange_ok", token=token(3), expires_at=START + 30 * HOUR) == []
    assert (machine.leaf, machine.held, machine.verdict) == ("valid", token(3), "valid")
    assert (machine.expires_at, machine.confirmed, machine.failures) == (START + 30 * HOUR, True, 0)


@pytest.mark.parametrize("state", HOLDING)
@pytest.mark.parametrize(
    ("old", "new", "expected"), [(MINUTE, 24 * HOUR, "valid"), (24 * HOUR, MINUTE, "expiring"), (0, 24 * HOUR, "valid")]
)
def test_the_new_tokens_end_counts_and_not_the_old_ones(state: str, old: int, new: int, expected: str) -> None:
    machine = auth_in(state)
    machine.hint(expires_at=machine.now + old, probe_at=None)
    tell(machine, "exchange_ok", token=token(3), expires_at=machine.now + new)
    assert (machine.leaf, machine.expires_at) == (expected, machine.now + new)


@pytest.mark.parametrize("state", ["exchanging"])
@pytest.mark.parametrize("reason", ["configuration", "other_account", "refused", "unreachable"])
def test_a_failed_login_beside_a_held_token_asks_whether_that_one_still_lives(state: str, reason: str) -> None:
    machine = auth_in(state)
    assert questions(tell(machine, "exchange_failed", reason=reason)) == [2]
    assert (machine.leaf, machine.held, machine.usable(machine.now)) == ("verifying", token(2), True)


def test_a_late_login_beside_a_held_token_asks_as_well() -> None:
    machine = auth_in("exchanging")
    assert questions(wake(machine)) == [2]
    assert (machine.leaf, machine.held) == ("verifying", token(2))


@pytest.mark.parametrize("reason", ["configuration", "other_account", "refused", "unreachable"])
def test_a_failed_login_without_a_token_says_why(reason: str) -> None:
    machine = auth_in("exchanging", held=False)
    assert tell(machine, "exchange_failed", reason=reason) == []
    assert (machine.leaf, machine.reason) == ("required", reason)


def test_a_new_attempt_forgets_why_the_last_one_failed() -> None:
    machine = auth_in("exchanging", held=False)
    tell(machine, "exchange_failed", reason="configuration")
    tell(machine, "login_callback", request_token="again")
    assert machine.reason is None


def test_the_end_of_a_login_that_a_newer_one_replaced_is_no_news() -> None:
    machine = auth_in("required")
    (first,) = tell(machine, "login_callback", request_token="one")
    (second,) = tell(machine, "login_callback", request_token="two")
    assert (first.login, second.login) == (1, 2)
    assert tell(machine, "exchange_failed", reason="refused", login=1) == []
    assert (machine.leaf, machine.stale_results_total) == ("exchanging", 1)
    tell(machine, "exchange_failed", reason="refused", login=2)
    assert machine.leaf == "required"


def test_when_the_old_token_goes_during_a_login_only_the_login_is_left() -> None:
    machine = auth_in("exchanging")
    tell(machine, "rejected", gen=2)
    assert (machine.leaf, machine.held) == ("exchanging", None)
    tell(machine, "exchange_failed", reason="refused")
    assert (machine.leaf, machine.reason) == ("required", "refused")


# Since when nobody knows


def test_the_doubt_is_as_old_as_the_first_unanswered_question() -> None:
    machine = auth_in("valid")
    tell(machine, "refused", after=MINUTE, gen=2)
    begun = machine.now
    for _ in range(6):
        wake(machine)
    assert machine.leaf in ("unknown", "verifying")
    assert machine.unsettled_since == begun
    assert machine.verdict == "valid", "the last verdict is kept through unknown and verifying"


def test_when_a_question_is_asked_again_can_be_seen_only_while_one_is_open() -> None:
    machine = auth_in("unknown")
    assert machine.retry_at is not None
    wake(machine)
    assert machine.retry_at is None
    tell(machine, "verify_ok", gen=2)
    assert machine.retry_at is None


def test_a_machine_that_was_never_told_anything_wakes_by_itself_and_looks_for_a_token() -> None:
    assert AuthToken(lambda: 0.5).next_deadline() == SECOND // 2


def test_a_new_token_forgets_why_the_last_login_failed() -> None:
    machine = auth_in("exchanging", held=False)
    tell(machine, "exchange_failed", reason="configuration")
    tell(machine, "token_found", token=token(3))
    assert machine.reason is None


def test_a_verdict_counts_though_a_login_is_under_way() -> None:
    machine = auth_in("verifying")
    tell(machine, "login_callback", request_token="r")
    tell(machine, "verify_ok", gen=2)
    assert (machine.leaf, machine.verdict) == ("exchanging", "valid")


def test_after_an_answer_the_next_question_is_a_new_one() -> None:
    machine = auth_in("verifying")
    tell(machine, "verify_ok", after=SECOND, gen=2)
    machine.hint(expires_at=None, probe_at=machine.now + SECOND)
    assert questions(wake(machine)) == [2]
