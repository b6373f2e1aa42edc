"""Each instrument against its own limit: what is silent, what is only quiet, and what is done about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.freshness import (
    CALM,
    FIRST,
    LONGEST_RETRY,
    MARGIN,
    NEVER,
    READY,
    RETRY,
    SPAN,
    Ask,
    Freshness,
    Limits,
    Redial,
    Watched,
    pause,
)

START = 1000 * SECOND
INDEX, LIQUID, ILLIQUID, UNWATCHED, PLAIN = (n << 8 | 1 for n in range(1, 6))


class Desk:
    """Instruments that tick as told, and a look a second."""

    def __init__(self, **kinds: str) -> None:
        self.machine = Freshness()
        self.tokens: dict[int, Watched] = {}
        self.pauses: dict[int, int] = {}  # seconds between two ticks; 0 for never again
        self.now = self.since = START
        self.due: list[int] = [NEVER] * 256
        self.due[1] = START
        self.quiet: set[int] = set()
        for name, kind in kinds.items():
            self.tokens[int(name[1:])] = Watched(1, 0, kind)
        self.follow()

    def follow(self) -> list[int]:
        return self.machine.follow(self.tokens, now=self.now)

    def tick(self, *tokens: int) -> None:
        for token in tokens:
            self.machine.heard[token] = self.now

    def run(self, looks: int) -> list[tuple[int, Ask | Redial]]:
        told: list[tuple[int, Ask | Redial]] = []
        for _ in range(looks):
            self.now += SECOND
            for token, seconds in self.pauses.items():
                if seconds and self.now - self.machine.heard[token] >= seconds * SECOND:
                    self.machine.heard[token] = self.now
            told += [((self.now - START) // SECOND, deed) for deed in self.look()]
        return told

    def look(self) -> list[Ask | Redial]:
        return self.machine.look(now=self.now, since=self.since, due=self.due, quiet=self.quiet)


def first(told: Sequence[tuple[int, Ask | Redial]]) -> tuple[int, Ask | Redial] | None:
    return told[0] if told else None


@pytest.mark.parametrize(("kind", "limit"), [("index", 30), ("liquid", 60), ("illiquid", 3600)])
def test_a_class_has_its_limit(kind: str, limit: int) -> None:
    desk = Desk(t7=kind)
    desk.tick(7)
    assert first(desk.run(limit + 1)) == (limit, Ask((7,)))
    silent = desk.machine.silent[7]
    assert (silent.since, silent.limit, silent.kind, silent.place) == (START, limit * SECOND, kind, 0)
    assert (silent.tries, silent.is_first) == (1, False)
    assert desk.machine.limits() == {7: (kind, limit * SECOND)}


def test_limits_can_be_set() -> None:
    machine = Freshness(Limits(index=SECOND, liquid=2 * SECOND, illiquid=3 * SECOND))
    machine.follow({1: Watched(kind="index"), 2: Watched(kind="liquid"), 3: Watched(kind="illiquid")}, now=START)
    assert [limit for _, limit in machine.limits().values()] == [SECOND, 2 * SECOND, 3 * SECOND]


def test_what_ticks_within_its_limit_is_not_silent() -> None:
    desk = Desk(t7="index", t8="liquid")
    desk.tick(7, 8)
    desk.pauses = {7: 29, 8: 59}
    assert desk.run(3600) == []


def test_an_unwatched_instrument_may_be_silent_for_ever_and_needs_no_first_tick() -> None:
    desk = Desk(t7="unwatched")
    assert desk.run(10_000) == []
    assert desk.machine.limits() == {7: ("unwatched", None)}


@pytest.mark.parametrize("kind", ["index", "liquid", "illiquid", "learned"])
def test_the_first_tick_is_due_ten_seconds_after_asking(kind: str) -> None:
    desk = Desk(t7=kind)
    assert first(desk.run(FIRST // SECOND)) == (10, Ask((7,)))
    assert desk.machine.silent[7].is_first
    assert desk.machine.silent[7].limit == FIRST
    assert desk.machine.silent[7].since == START


def test_the_snapshot_is_the_first_tick() -> None:
    desk = Desk(t7="learned")
    desk.now += SECOND
    desk.tick(7)
    assert desk.run(500) == []


def test_after_a_subscribe_anew_a_first_tick_is_due_again_of_those_that_were_asked_for() -> None:
    desk = Desk(t7="liquid", t8="liquid")
    desk.tokens[8] = Watched(1, 1, "liquid")
    desk.follow()
    desk.tick(7, 8)
    desk.run(5)
    desk.machine.asked(desk.now, {1})
    assert first(desk.run(FIRST // SECOND)) == (15, Ask((8,)))
    desk.machine.over([8])
    desk.tick(7, 8)
    desk.machine.asked(desk.now + 1)
    assert first(desk.run(FIRST // SECOND + 1)) == (26, Ask((7, 8)))


def test_nothing_is_silent_while_no_dense_data_is_due() -> None:
    desk = Desk(t7="index")
    desk.due[1] = NEVER
    assert desk.run(500) == []
    desk.due[1] = START + 600 * SECOND  # it begins later
    assert desk.run(90) == []


def test_silence_begins_with_the_phase_or_with_the_stream_at_the_earliest() -> None:
    desk = Desk(t7="index")
    desk.tick(7)
    desk.run(20)
    desk.due[1] = START + 10 * SECOND
    desk.since = START + 15 * SECOND
    assert first(desk.run(30)) == (45, Ask((7,)))
    assert desk.machine.silent[7].since == START + 15 * SECOND


def test_groups_are_judged_by_their_own_sessions() -> None:
    desk = Desk(t7="index", t8="index")
    desk.tokens[8] = Watched(2, 0, "index")
    desk.follow()
    desk.tick(7, 8)
    assert desk.machine.groups == {1, 2}
    assert {deed for _, deed in desk.run(31)} == {Ask((7,))}


def test_instruments_of_a_connection_that_is_silent_as_a_whole_say_nothing_for_themselves() -> None:
    desk = Desk(t7="index")
    desk.tick(7)
    desk.quiet = {0}
    assert desk.run(100) == []
    assert desk.machine.silent == {}
    desk.quiet = set()
    assert first(desk.run(1)) == (101, Ask((7,)))
    desk.quiet = {0}
    assert desk.run(2000) == []


# What is done


def test_the_patience_of_the_watch_is_this() -> None:
    assert (FIRST, RETRY, LONGEST_RETRY, CALM) == (10 * SECOND, 30 * SECOND, 900 * SECOND, 600 * SECOND)
    assert (READY, MARGIN, SPAN) == (600, 4, 12 * 3600)
    assert [pause(tries) // SECOND for tries in (0, 1, 4, 5, 6, 1000)] == [30, 60, 480, 900, 900, 900]
    assert Watched() == Watched(0, 0, "learned")
    assert Limits() == Limits(30 * SECOND, 60 * SECOND, 3600 * SECOND)


def test_one_that_becomes_known_is_thought_of_again_within_a_minute() -> None:
    desk = learned(1, READY - 20)
    desk.pauses = {7: 1}
    desk.run(30)
    desk.pauses = {}
    moment, deed = desk.run(200)[0]
    assert deed == Ask((7,))
    assert moment - (desk.machine.heard[7] - START) // SECOND <= 60


def test_a_silent_instrument_is_asked_for_with_growing_pauses_for_ever() -> None:
    desk = Desk(t7="illiquid")
    told = desk.run(6000)
    moments = [moment for moment, _ in told]
    assert {deed for _, deed in told} == {Ask((7,))}
    waits = [b - a for a, b in pairwise(moments)]
    assert waits[:7] == [30, 60, 120, 240, 480, 900, 900]
    assert (RETRY, LONGEST_RETRY) == (30 * SECOND, 900 * SECOND)
    assert set(waits[7:]) <= {900}
    assert desk.machine.silent[7].tries == len(told)


@pytest.mark.parametrize("kind", ["index", "liquid"])
def test_what_must_not_be_quiet_has_its_connection_dialled_anew_once(kind: str) -> None:
    desk = Desk(t7=kind)
    told = desk.run(6000)
    assert [deed for _, deed in told[:5]] == [Ask((7,)), Ask((7,)), Redial(0), Ask((7,)), Ask((7,))]
    assert [deed for _, deed in told].count(Redial(0)) == 1
    assert [moment for moment, _ in told[:4]] == [10, 40, 100, 220]


def test_one_connection_is_not_dialled_anew_twice_in_ten_minutes() -> None:
    desk = Desk(t7="index", t8="index", t9="index")
    for place, token in enumerate((7, 8, 9)):
        desk.tokens[token] = Watched(1, place // 2, "index")
    desk.follow()
    desk.tick(7, 8, 9)
    desk.pauses = {8: 1, 9: 1}
    desk.run(35)
    desk.pauses = {}
    told = desk.run(CALM // SECOND)
    assert [(moment, deed) for moment, deed in told if isinstance(deed, Redial)] == [(120, Redial(0)), (155, Redial(1))]
    assert (155, Ask((8,))) in told  # instead
    desk.machine.over([7, 8, 9])
    desk.tick(7, 8, 9)
    desk.pauses = {8: 1, 9: 1}
    told = desk.run(400)
    assert [deed for _, deed in told if isinstance(deed, Redial)] == [Redial(0)]  # ten minutes later it may


def test_what_is_dialled_anew_is_not_asked_for_besides() -> None:
    desk = Desk(t7="index", t8="illiquid")
    desk.tokens[8] = Watched(1, 1, "illiquid")
    desk.follow()
    told = desk.run(100)
    assert told[-2:] == [(100, Redial(0)), (100, Ask((8,)))]


def test_an_instrument_that_ticks_again_is_over_and_judged_anew() -> None:
    desk = Desk(t7="index", t8="index")
    desk.tick(7, 8)
    desk.run(30)
    over = desk.machine.over([7, 99])
    assert list(over) == [7]
    assert over[7].since == START
    assert list(desk.machine.silent) == [8]
    desk.tick(7)
    assert [deed for _, deed in desk.run(31)] == [Ask((8, 7))]
    assert desk.machine.silent[7].since == START + 30 * SECOND


# Learning


def learned(every: int, seconds: int) -> Desk:
    desk = Desk(t7="learned")
    desk.tick(7)
    desk.pauses = {7: every}
    assert desk.run(seconds) == []
    return desk


def test_before_ten_minutes_of_dense_data_nothing_is_known() -> None:
    desk = learned(1, READY)
    assert desk.machine.limits() == {7: ("learned", None)}
    desk.run(1)
    assert desk.machine.limits() == {7: ("learned", 60 * SECOND)}
    desk.pauses = {}
    assert first(desk.run(200)) == (READY + 61, Ask((7,)))


def test_a_silence_that_goes_on_teaches_nothing_yet() -> None:
    desk = learned(1, 300)
    desk.pauses = {}
    assert desk.run(5000) == []
    assert desk.machine.limits() == {7: ("learned", None)}
    only_a_snapshot = Desk(t7="learned")
    only_a_snapshot.tick(7)
    assert only_a_snapshot.run(20_000) == []


@pytest.mark.parametrize(("every", "limit"), [(1, 60), (8, 64), (20, 128), (100, 512), (300, 2048), (700, 3600)])
def test_the_limit_is_four_times_the_usual_pause_between_liquid_and_illiquid(every: int, limit: int) -> None:
    assert MARGIN == 4
    desk = learned(every, 7200)
    assert desk.machine.limits() == {7: ("learned", limit * SECOND)}
    last = desk.machine.heard[7]
    desk.pauses = {}
    told = desk.run(limit + 1)
    assert first(told) is not None
    assert desk.machine.silent[7].since == last
    assert desk.machine.silent[7].kind == "learned"


def test_of_what_pauses_for_more_than_half_the_cap_silence_says_nothing() -> None:
    desk = learned(1200, 12_000)
    assert desk.machine.limits() == {7: ("learned", None)}
    desk.pauses = {}
    assert desk.run(20_000) == []


def test_a_pause_that_reaches_across_a_break_is_no_pause() -> None:
    desk = learned(1, 300)
    desk.due[1] = NEVER
    desk.pauses = {}
    desk.run(1500)
    desk.due[1] = desk.now
    desk.pauses = {7: 1}
    desk.run(READY)
    assert desk.machine.limits() == {7: ("learned", 60 * SECOND)}


def test_a_pause_that_reaches_across_a_reconnect_is_no_pause() -> None:
    desk = learned(1, 300)
    desk.pauses = {}
    desk.now += 1500 * SECOND  # nobody looks while the stream is down
    desk.since = desk.now
    desk.pauses = {7: 1}
    desk.run(READY)
    assert desk.machine.limits() == {7: ("learned", 60 * SECOND)}


def test_the_time_of_a_break_or_a_reconnect_is_not_watched() -> None:
    desk = learned(1, 300)
    desk.due[1] = NEVER
    desk.run(1000)
    desk.due[1] = desk.now
    desk.run(200)
    desk.now += 5000 * SECOND
    desk.since = desk.now
    desk.run(100)
    assert desk.machine.limits() == {7: ("learned", None)}
    desk.run(1)
    assert desk.machine.limits() == {7: ("learned", 60 * SECOND)}


def test_after_twelve_hours_what_is_old_fades() -> None:
    desk = learned(100, 3600)
    desk.pauses = {7: 1}
    for _ in range(40):
        assert desk.run(3600) == []
    assert desk.machine.limits() == {7: ("learned", 60 * SECOND)}
    assert SPAN == 12 * 3600


def test_it_fades_by_halves_and_not_at_once() -> None:
    desk = learned(100, SPAN)
    desk.pauses = {7: 1}
    desk.run(3 * 3600)
    assert desk.machine.limits() == {7: ("learned", 512 * SECOND)}


# The subscription


def test_what_was_learned_stays_when_the_subscription_changes() -> None:
    desk = learned(20, 1200)
    heard = desk.machine.heard[7]
    desk.tokens = {3: Watched(1, 0, "learned"), 7: desk.tokens[7], 9: Watched(1, 0, "index")}
    assert desk.follow() == []
    assert list(desk.machine.heard) == [3, 7, 9]
    assert desk.machine.heard[7] == heard
    assert desk.machine.limits() == {3: ("learned", None), 7: ("learned", 128 * SECOND), 9: ("index", 30 * SECOND)}
    desk.pauses = {7: 20}
    assert [deed for _, deed in desk.run(10)] == [Ask((3, 9))]  # the new ones owe their first tick


def test_what_came_later_is_watched_from_then_on() -> None:
    desk = learned(1, 1200)
    desk.tokens[8] = Watched(1, 0, "learned")
    desk.follow()
    desk.tick(8)
    desk.pauses = {7: 1, 8: 1}
    desk.run(READY - 1)
    assert desk.machine.limits()[8] == ("learned", None)
    desk.run(1)
    assert desk.machine.limits()[8] == ("learned", 60 * SECOND)


def test_those_that_are_silent_and_not_wanted_any_more_are_named() -> None:
    desk = Desk(t7="index", t8="index")
    desk.run(10)
    del desk.tokens[7]
    assert desk.follow() == [7]
    assert list(desk.machine.over([7])) == [7]
    assert list(desk.machine.silent) == [8]


def test_a_class_that_changes_is_judged_at_once() -> None:
    desk = Desk(t7="illiquid")
    desk.tick(7)
    desk.run(100)
    desk.tokens[7] = Watched(1, 0, "index")
    desk.follow()
    assert first(desk.run(1)) == (101, Ask((7,)))


def test_an_instrument_that_nobody_asked_for_is_forgotten() -> None:
    desk = Desk(t7="index")
    desk.tick(7, 666)
    desk.look()
    assert list(desk.machine.heard) == [7]
    assert desk.machine.limits() == {7: ("index", 30 * SECOND)}


def test_of_each_connection_the_last_tick_and_since_when_one_is_due_are_told() -> None:
    desk = Desk(t7="index")
    kinds = ["liquid", "illiquid", "learned", "unwatched", "illiquid"]
    desk.tokens = {token: Watched(token % 2 + 1, token // 2, kind) for token, kind in enumerate(kinds)}
    desk.follow()
    for token in desk.tokens:
        desk.machine.heard[token] = START + token
    due = [NEVER] * 256
    due[1], due[2] = START, START + 5
    assert desk.machine.by_place(3, due) == ([START + 1, START + 3, START + 4], [START, START, NEVER])
    due[1] = NEVER
    assert desk.machine.by_place(3, due)[1] == [NEVER, NEVER, NEVER]
    desk.tokens[1] = Watched(2, 0, "index")
    desk.follow()
    assert desk.machine.by_place(3, due)[1] == [START + 5, NEVER, NEVER]


def test_of_each_group_the_last_tick_is_told() -> None:
    desk = Desk(t7="index", t8="index")
    desk.tokens |= {9: Watched(2), 10: Watched(3)}
    desk.follow()
    desk.machine.heard |= {7: 5, 8: 3, 9: 4}
    assert desk.machine.last_ticks() == {1: 5, 2: 4, 3: 0}


def test_before_anything_is_followed_there_is_nothing_to_say() -> None:
    machine = Freshness()
    machine.asked(START)
    assert machine.look(now=START, since=START, due=[START] * 256) == []
    assert (machine.limits(), machine.last_ticks(), machine.groups) == ({}, {}, frozenset())
    assert machine.by_place(2, [START] * 256) == ([0, 0], [NEVER, NEVER])


# Cost


def test_nine_thousand_instruments_cost_less_than_two_megabytes() -> None:
    tokens = {n << 8 | 2: Watched(2) for n in range(9000)}
    machine = Freshness()
    machine.follow(tokens, now=START)
    for place, token in enumerate(tokens):
        machine.heard[token] = START + place
    due = [NEVER] * 256
    due[2] = START
    machine.look(now=START + SECOND, since=START, due=due)
    size = sum(sys.getsizeof(each) for each in vars(machine).values())
    size += sum(sys.getsizeof(moment) for moment in machine.heard.values())  # one int a tick, at the worst
    size += sum(sys.getsizeof(each) for each in vars(machine._pauses).values())
    assert size < 2_000_000
