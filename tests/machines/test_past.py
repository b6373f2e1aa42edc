"""What a status log tells of a service: the present life, how the last one ended, and which try comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from errno import EAGAIN, EBUSY, EMFILE, ENFILE, ENOMEM

import pytest

from service_scenes import (
    KEEPER,
    SERVICE,
    STEP,
    WALL,
    crashed,
    escalated,
    exited,
    gone,
    lost,
    paused,
    start_failed,
    started,
    stopping,
)
from tradewarden.machines.kept import Exited, Gone, Happening, Stopping
from tradewarden.machines.past import UNKNOWN_END, Past, span
from tradewarden.machines.service import Again, Restarts, Service


def past(*happenings: Happening, service: Service = SERVICE) -> Past:
    return Past(service, happenings)


def test_an_empty_log_tells_nothing() -> None:
    found = past()
    assert (found.last, found.life, found.lives, found.ended, found.next_start_at) == (None, None, 0, None, None)
    assert (found.attempt, found.exit_code, found.is_final, found.killed) == (1, None, False, False)
    assert found.tell_end() == UNKNOWN_END == "it ended and nobody saw how"


def test_a_start_begins_a_life_and_an_end_ends_it() -> None:
    found = past(started(3))
    assert (found.life, found.lives) == (started(3), 3)
    found.hear(crashed())
    assert found.life is None
    assert (found.ended, found.exit_code) == (crashed(), 1)
    assert found.next_start_at == WALL + timedelta(seconds=11)
    found = past(started(3), crashed(), started(4))
    assert (found.next_start_at, found.lives) == (None, 4)


def test_lost_output_is_no_turn_in_a_life() -> None:
    assert past(started(), lost()).last == started()


def test_lines_are_lost_from_the_first_word_about_it_to_the_last() -> None:
    told = past(started(), lost(3, lasting=True))
    assert told.tell_loss(UTC) == f"its log finds no room: 3 lines lost since {WALL:%H:%M}"
    told.hear(lost(8, lasting=True))
    assert told.tell_loss(UTC) == f"its log finds no room: 8 lines lost since {WALL:%H:%M}"
    told.hear(exited())
    told.hear(started(2))
    assert told.tell_loss(UTC) is not None, "the next life has no more room"
    told.hear(lost(9))
    assert told.tell_loss(UTC) is None


def test_each_lost_line_is_counted_once() -> None:
    later = WALL + timedelta(minutes=5)
    told = past(lost(3, lasting=True), lost(8, lasting=True), lost(9))
    assert told.lost_lines == 9
    told.hear(lost(2, lasting=True, since=later))
    told.hear(lost(4, since=later))
    assert told.lost_lines == 13
    told.hear(lost(6))
    assert told.lost_lines == 19, "an earlier keeper told only the whole of it"
    assert past(lost(5, lasting=True), lost(7, lasting=True, keeper=2)).lost_lines == 12
    assert past(lost(5, lasting=True), lost(3)).lost_lines == 5, "nobody finds lines again"


def test_nobody_knows_of_room_once_the_keeper_that_lost_lines_was_killed() -> None:
    assert past(started(), lost(3, lasting=True), started(2, keeper=KEEPER + 1)).tell_loss(UTC) is None
    assert past(started(), stopping()).last == stopping()
    assert past(started(), stopping()).life == started()


def test_nothing_is_due_once_its_keeper_pauses_or_is_gone() -> None:
    for last in (paused(), gone()):
        found = past(started(), crashed(), last)
        assert (found.life, found.next_start_at, found.last) == (None, None, last)
    assert past(started(), gone()).life is None


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (exited(0), "exit code 0 after 3 s"),
        (exited(1, up=0.04), "exit code 1 after 0.0 s"),
        (exited(-9), "ended by signal 9 after 3 s"),
        (exited(None), "it ended and nobody saw how"),
        (exited(None, fenced=True), "it had outlived its keeper and was ended by the next one"),
        (
            exited(0, left=1),
            "exit code 0 after 3 s; it went to the background and left 1 process, which was ended",
        ),
        (
            exited(0, left=2),
            "exit code 0 after 3 s; it went to the background and left 2 processes, which were ended",
        ),
        (start_failed(), "it cannot be started: No such file or directory"),
    ],
)
def test_how_it_ended_is_told_as_a_trader_reads_it(ended: Happening, words: str) -> None:
    assert past(started(), ended).tell_end() == words


def test_what_was_killed_was_killed_until_the_next_life() -> None:
    service = replace(SERVICE, stop_signal="INT", stop_seconds=2)
    found = past(started(), stopping(), escalated(), exited(-9, asked=True), service=service)
    assert found.killed
    assert found.tell_end() == "killed after 2 s: it did not stop on SIGINT"
    assert past(started(), escalated(), service=service).tell_end() == "killed after 2 s: it did not stop on SIGINT"
    assert past(started(), escalated(), exited(-9, left=1)).tell_end().endswith("left 1 process, which was ended")
    found.hear(started(1))
    found.hear(exited(1))
    assert (found.killed, found.tell_end()) == (False, "exit code 1 after 3 s")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (0.96, "1.0 s"),
        (1, "1 s"),
        (1.4, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (179, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (36000, "10 h"),
    ],
)
def test_a_length_of_time_is_two_words(seconds: float, words: str) -> None:
    assert span(seconds) == words


# Attempts, counted as its keeper counts them


def at(seconds: float, **facts: int) -> Exited:
    return exited(at=WALL + timedelta(seconds=seconds), **facts)


def test_the_crashes_within_the_window_count() -> None:
    found = past(started(1), at(0), started(2), at(10), started(3), at(59.9))
    assert found.attempt == 3
    found.hear(started(4))
    found.hear(at(60))
    assert found.attempt == 3, "the first one is a whole window ago"
    assert past(started(), at(0), at(60)).attempt == 1


def test_no_more_attempts_are_told_than_there_are() -> None:
    assert past(*(at(second) for second in range(9))).attempt == 5
    two = replace(SERVICE, restarts=Restarts(attempts=2, window=3))
    assert past(*(at(second) for second in range(9)), service=two).attempt == 2


def test_a_step_has_so_many_attempts_in_all() -> None:
    assert past(started(1), at(0), started(2), at(3600), service=STEP).attempt == 2


def test_a_start_that_somebody_asked_for_begins_to_count_anew() -> None:
    assert past(started(1), at(0), started(2), at(1), started(1), at(2)).attempt == 1


def test_crashes_are_counted_by_each_keeper_for_itself() -> None:
    found = past(started(1), at(0), started(2), at(1), started(3, keeper=77), at(2, keeper=77))
    assert (found.attempt, found.lives) == (1, 3)
    found.hear(started(4, keeper=77))
    found.hear(at(3, keeper=77))
    assert found.attempt == 2


def test_what_an_earlier_keeper_says_of_its_own_copy_is_no_turn_in_the_life_of_the_present_one() -> None:
    before, present = started(1), started(2, keeper=77)
    words = (exited(pid=before.pid), paused(), Gone(at=WALL, keeper=KEEPER))
    found = past(before, present, *words)
    assert (found.life, found.last, found.ended) == (present, present, None)
    for each in (Stopping(at=WALL, keeper=KEEPER, pid=before.pid, signal=15), escalated()):
        found.hear(each)
        assert (found.last, found.killed) == (present, False)
    assert past(before, exited(None, keeper=77, pid=before.pid)).life is None, "the next one says how that life ended"
    assert past(before, Gone(at=WALL, keeper=77)).life is None, "who has never said anything else may know better"


def test_what_is_nobodys_fault_does_not_count() -> None:
    for errno in (EAGAIN, EMFILE, ENFILE, ENOMEM):
        assert past(at(0), start_failed(errno=errno), start_failed(errno=errno)).attempt == 1
    assert past(at(0), start_failed(), start_failed()).attempt == 3
    assert past(at(0), exited(-15, asked=True), exited(None), exited(None, fenced=True)).attempt == 1


# The end of the end


@pytest.mark.parametrize(
    ("when", "ended", "is_final"),
    [
        (Again.ALWAYS, exited(0), False),
        (Again.ALWAYS, exited(1), False),
        (Again.FAILURE, exited(0), True),
        (Again.FAILURE, exited(1), False),
        (Again.NEVER, exited(0), True),
        (Again.NEVER, exited(1), True),
        (Again.NEVER, crashed(), False),
        (Again.NEVER, exited(1, asked=True), False),
        (Again.NEVER, exited(None), False),
        (Again.NEVER, start_failed(), True),
        (Again.NEVER, start_failed(WALL), False),
        (Again.FAILURE, start_failed(), False),
    ],
)
def test_after_some_ends_nothing_follows(when: Again, ended: Happening, is_final: bool) -> None:  # noqa: FBT001 - drawn
    service = replace(SERVICE, restarts=Restarts(when=when))
    assert past(started(), ended, service=service).is_final == is_final


def test_of_a_step_nothing_follows_once_its_keeper_names_no_next_start() -> None:
    assert past(started(), exited(1), service=STEP).is_final
    assert past(started(), exited(0), service=STEP).is_final
    assert past(start_failed(), service=STEP).is_final
    assert not past(started(), crashed(), service=STEP).is_final
    assert past(start_failed()).exit_code is None


@pytest.mark.parametrize(
    ("last", "is_unended"),
    [
        (started(), True),
        (stopping(), True),
        (escalated(), True),
        (exited(1), False),
        (exited(1, left=1), True),
        (start_failed(errno=EBUSY), True),
        (start_failed(), False),
        (paused(), False),
        (gone(), False),
    ],
)
def test_the_last_words_tell_whether_something_may_run_without_a_keeper(last: Happening, is_unended: bool) -> None:  # noqa: FBT001 - drawn
    assert past(started(), last).is_unended == is_unended
    assert past(started(), last, lost()).is_unended == is_unended
    assert not past().is_unended
