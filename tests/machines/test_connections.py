"""Of several connections a single one that carries nothing is asked again, then dialled anew alone."""

from __future__ import annotations

from itertools import pairwise

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.connections import CAP, FLOOR, KNOWN, MARGIN, AskAll, Connections
from tradewarden.machines.feed import GRACE
from tradewarden.machines.freshness import LONGEST_RETRY, NEVER, RETRY, Redial

START = 1000 * SECOND
Deeds = list[tuple[int, AskAll | Redial]]


class Stream:
    """Connections that tick as told; a look a second."""

    def __init__(self, *pauses: int) -> None:
        self.machine = Connections()
        self.pauses = list(pauses)  # seconds between two ticks of each connection; 0 for never again
        self.heard = [START] * len(pauses)
        self.due = [START] * len(pauses)
        self.now = START

    def run(self, seconds: int) -> Deeds:
        told: Deeds = []
        for _ in range(seconds):
            self.now += SECOND
            for place, pause in enumerate(self.pauses):
                if pause and self.now - self.heard[place] >= pause * SECOND:
                    self.heard[place] = self.now
            deeds = self.machine.look(now=self.now, heard=self.heard, due=self.due)
            told += [((self.now - START) // SECOND, deed) for deed in deeds]
        return told


def test_connections_that_tick_are_left_alone() -> None:
    assert Stream(1, 1, 5).run(3600) == []


def test_the_only_connection_is_the_watchdogs_matter() -> None:
    assert Stream(0).run(3600) == []


def test_a_silent_connection_is_asked_again_then_dialled_anew_with_growing_pauses() -> None:
    stream = Stream(1, 1, 1)
    assert stream.run(100) == []
    stream.pauses[1] = 0
    told = stream.run(4000)
    assert [deed for _, deed in told] == [AskAll(1), *[Redial(1)] * (len(told) - 1)]
    moments = [moment for moment, _ in told]
    assert moments[0] == 100 + FLOOR // SECOND
    assert moments[1] == moments[0] + GRACE // SECOND
    waits = [b - a for a, b in pairwise(moments[1:])]
    assert waits[:6] == [30, 60, 120, 240, 480, 900]
    assert (RETRY, LONGEST_RETRY) == (30 * SECOND, 900 * SECOND)
    assert waits[6:] == [900] * len(waits[6:])
    assert stream.machine.quiet[1].tries == len(told)
    assert stream.machine.quiet[1].since == START + 100 * SECOND
    assert stream.machine.quiet[1].limit == FLOOR


def test_until_its_pauses_are_known_a_connection_has_ten_minutes() -> None:
    stream = Stream(1, 0)
    told = stream.run(650)
    assert told[0] == (CAP // SECOND, AskAll(1))


def test_the_limits_of_a_connection_are_these() -> None:
    assert (FLOOR, CAP, MARGIN, KNOWN) == (10 * SECOND, 600 * SECOND, 4, 60 * SECOND)


def test_what_is_known_after_half_a_minute_is_not_believed_before_a_whole_one() -> None:
    stream = Stream(1, 1)
    assert stream.run(30) == []
    stream.pauses[1] = 0
    assert stream.run(60)[0] == (61, AskAll(1))


def test_after_a_break_its_pauses_are_learned_anew() -> None:
    stream = Stream(1, 100)
    assert stream.run(500) == []
    stream.due[1] = NEVER
    stream.run(10)
    stream.due[1] = stream.now
    stream.pauses[1] = 1
    assert stream.run(100) == []
    stream.pauses[1] = 0
    assert stream.run(11)[0][1] == AskAll(1)


def test_two_that_are_dialled_anew_in_the_same_moment_are_both_dialled() -> None:
    stream = Stream(1, 1, 1)
    stream.run(100)
    stream.pauses[1] = stream.pauses[2] = 0
    assert [deed for _, deed in stream.run(16)] == [AskAll(1), AskAll(2), Redial(1), Redial(2)]


def test_a_connection_that_pauses_longer_gets_four_times_its_longest_pause() -> None:
    stream = Stream(1, 20)
    assert stream.run(200) == []
    stream.pauses[1] = 0
    told = stream.run(200)
    assert told[0][0] == 200 + MARGIN * 20


def test_no_connection_gets_more_than_the_cap() -> None:
    stream = Stream(1, 300)
    assert stream.run(1500) == []
    stream.pauses[1] = 0
    assert stream.run(700)[0] == (1500 + CAP // SECOND, AskAll(1))


def test_a_pause_from_before_data_was_due_is_no_pause() -> None:
    stream = Stream(1, 0)
    stream.due[1] = NEVER
    assert stream.run(500) == []
    stream.due[1] = stream.now
    stream.pauses[1] = 1
    assert stream.run(KNOWN // SECOND + 5) == []
    stream.pauses[1] = 0
    assert stream.run(FLOOR // SECOND + 1)[0][1] == AskAll(1)


def test_nothing_is_due_of_a_connection_whose_instruments_may_be_quiet() -> None:
    stream = Stream(1, 0)
    stream.due = [START, NEVER]
    assert stream.run(3600) == []
    stream.due = [START, stream.now + 10 * SECOND]
    assert stream.run(9) == []


def test_a_connection_that_ticks_again_is_over_and_judged_anew() -> None:
    stream = Stream(1, 1)
    stream.run(100)
    stream.pauses[1] = 0
    stream.run(20)
    stream.pauses[1] = 1
    over = stream.machine.over(1)
    assert over is not None
    assert over.since == START + 100 * SECOND
    assert stream.machine.quiet == {}
    assert stream.machine.over(1) is None
    assert stream.run(100) == []
    stream.pauses[1] = 0
    assert stream.run(FLOOR // SECOND)[0][1] == AskAll(1)


def test_one_that_is_silent_from_the_beginning_of_the_session_is_silent_since_then() -> None:
    stream = Stream(1, 0)
    stream.heard[1] = 0
    stream.run(CAP // SECOND + 1)
    assert stream.machine.quiet[1].since == START


def test_several_connections_are_judged_one_by_one() -> None:
    stream = Stream(1, 1, 1)
    stream.run(100)
    stream.pauses[0] = stream.pauses[2] = 0
    told = stream.run(12)
    assert [deed for _, deed in told] == [AskAll(0), AskAll(2)]
