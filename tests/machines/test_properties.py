"""All machines at once in a world that does whatever it likes: what must hold, holds after every fact."""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fake_world import World
from machines_at import HOUR
from tradewarden.machines.backoff import SECOND

PROMPT = settings(
    max_examples=500,
    stateful_step_count=40,
    deadline=None,
    phases=(Phase.generate, Phase.shrink),  # explaining a failure costs minutes
    derandomize=True,  # the same runs on every push; the nightly ones are new each time
    suppress_health_check=list(HealthCheck),
)
NIGHTLY = settings(PROMPT, max_examples=10_000, derandomize=False)


class Days(RuleBasedStateMachine):
    """Everything that can happen to a desk, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(
        seed=st.integers(0, 1 << 16),
        token=st.sampled_from(["good", "good", "good", "none", "dead"]),
        wanted=st.sampled_from([True, True, False]),
        expected=st.sampled_from(["dense", "sparse", "none"]),
    )
    def start(self, seed: int, token: str, wanted: bool, expected: str) -> None:  # noqa: FBT001 - drawn
        self.world = World(seed)
        self.world.wanted, self.world.expected = wanted, expected
        if token != "none":
            self.world.file = self.world.mint(good=token == "good")
        self.world.begin()

    @rule(milliseconds=st.integers(0, 200_000), late=st.sampled_from([0, 0, 0, 1, 30]))
    def time_passes(self, milliseconds: int, late: int) -> None:
        self.world.pass_time(milliseconds * SECOND // 1000, late=late * SECOND)

    @rule()
    def a_minute_passes(self) -> None:
        self.world.pass_time(60 * SECOND)

    @rule()
    def a_moment_passes(self) -> None:
        self.world.pass_time(10 * SECOND)

    @precondition(lambda self: not self.world.wanted)
    @rule()
    def half_an_hour_passes(self) -> None:
        self.world.pass_time(HOUR // 2)

    @rule(wanted=st.booleans())
    def the_window_opens_or_closes(self, wanted: bool) -> None:  # noqa: FBT001 - drawn
        self.world.wanted = wanted
        self.world.settle()

    @rule(expected=st.sampled_from(["none", "sparse", "dense"]))
    def the_phase_changes(self, expected: str) -> None:
        self.world.expected = expected
        self.world.settle()

    @rule(
        outcome=st.sampled_from(["good", "good", "dead", "configuration", "unreachable", "other_account", "never"]),
        seconds=st.integers(0, 40),
    )
    def a_person_logs_in(self, outcome: str, seconds: int) -> None:
        self.world.login(outcome, seconds * SECOND)

    @rule(change=st.sampled_from(["good", "dead", "touched", "emptied", "deleted", "logout", "foreign"]))
    def the_token_files_change(self, change: str) -> None:
        world = self.world
        match change:
            case "good" | "dead":
                world.file = world.mint(good=change == "good")
            case "emptied":  # for the moment in which an editor writes it
                file, own, world.file, world.own = world.file, world.own, None, None
                world.read_file()
                world.file, world.own = file, own
            case "deleted":
                world.file = world.own = None
            case "logout":
                world.logout()
            case "foreign":  # the probe was answered with another account's name
                world.tell_auth("logout", reason="other_account")
                assert world.line is None or world.line.token.generation != world.auth.disowned, (
                    "somebody else's stream"
                )
        world.read_file()

    @precondition(lambda self: self.world.auth.held is not None)
    @rule()
    def the_broker_flushes_the_token(self) -> None:
        assert self.world.auth.held is not None
        self.world.alive[self.world.auth.held.generation] = False

    @precondition(lambda self: self.world.auth.held is not None)
    @rule(age=st.integers(0, 2))
    def another_program_reports_a_token_error(self, age: int) -> None:
        held = self.world.auth.held
        assert held is not None
        self.world.tell_auth("rejected", gen=held.generation - age, ours=False)
        assert self.world.auth.held == (held if age else None)

    @rule(mood=st.sampled_from(["answer", "answer", "unreachable", "never", "slow"]))
    def the_rest_side_changes_its_mood(self, mood: str) -> None:
        self.world.probes = mood

    @rule(mood=st.sampled_from(["accept", "accept", "accept", "refuse", "throttle", "bad_request", "network", "hang"]))
    def the_stream_side_changes_its_mood(self, mood: str) -> None:
        self.world.dials = mood

    @rule(ticks=st.sampled_from(["flow", "rest", "forgotten"]))
    def ticks_flow_or_not(self, ticks: str) -> None:
        self.world.ticks = ticks

    @precondition(lambda self: self.world.feed.has_socket)
    @rule(reason=st.sampled_from(["network", "server", "mute", "refused"]))
    def the_socket_dies(self, reason: str) -> None:
        if reason == "refused":
            self.world.refuse()
        else:
            self.world.drop(reason)

    @precondition(lambda self: self.world.feed.gen > 1)
    @rule(
        event=st.sampled_from(["opened", "ticked", "lost", "refused", "misconfigured"]),
        age=st.integers(1, 3),
    )
    def an_old_socket_has_a_word(self, event: str, age: int) -> None:
        feed = self.world.feed
        facts: dict[str, Any] = {"reason": "rate_limited"} if event == "lost" else {}
        before = feed.leaf, feed.next_deadline(), feed.stale_results_total
        self.world.tell_feed(event, gen=feed.gen - age, **facts)
        assert (feed.leaf, feed.next_deadline(), feed.stale_results_total) == (*before[:2], before[2] + 1)

    @precondition(lambda self: self.world.line is None)
    @rule(event=st.sampled_from(["opened", "ticked", "lost", "refused", "misconfigured"]))
    def a_closed_socket_has_a_word(self, event: str) -> None:
        feed = self.world.feed
        facts: dict[str, Any] = {"reason": "rate_limited"} if event == "lost" else {}
        before = feed.leaf, feed.next_deadline()
        self.world.tell_feed(event, gen=feed.gen, **facts)
        assert (feed.leaf, feed.next_deadline()) == before

    @rule(minutes=st.none() | st.integers(-90, 600), probe=st.integers(1, 300))
    def the_wall_clock_jumps(self, minutes: int | None, probe: int) -> None:
        world = self.world
        if world.auth.held is None:
            return
        world.hints_moved = True
        world.auth.hint(
            expires_at=None if minutes is None else world.now + minutes * HOUR // 60,
            probe_at=world.now + probe * HOUR // 60,
        )
        world.settle()

    @invariant()
    def what_must_hold_holds(self) -> None:
        self.world.check_always()
        self.world.breathe()

    def teardown(self) -> None:
        self.world.heal()


@pytest.mark.timeout(240)
def test_no_order_of_events_and_no_passage_of_time_leads_to_a_wrong_state() -> None:
    run_state_machine_as_test(Days, settings=PROMPT)


@pytest.mark.nightly
@pytest.mark.timeout(7200)
def test_ten_thousand_desks_never_come_to_a_wrong_state() -> None:
    run_state_machine_as_test(Days, settings=NIGHTLY)
