"""A sink's states, and when somebody should look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.sink import (
    AWAY,
    CAUGHT_UP,
    LATE,
    MOST_NEWS,
    PROOF,
    RECHECK,
    SinkLife,
    SinkReport,
    SinkState,
)
from tradewarden.machines.sink_figures import HOUR, SinkFigures


def life(chance: float = 0.5) -> SinkLife:
    return SinkLife(lambda: chance, 0)


def state(sink: SinkLife) -> str:
    return sink.state


def test_a_store_that_opens_is_written_to() -> None:
    sink = life()
    assert state(sink) == "connecting"
    told = sink.opened(SECOND)
    assert told is not None
    assert (told.src, told.dst, told.reason) == ("connecting", "writing", None)
    assert (sink.since, sink.reason) == (SECOND, None)


def test_who_waits_longer_than_ten_seconds_is_behind_until_nearly_nothing_waits() -> None:
    sink = life()
    sink.opened(0)
    assert sink.looked(1, LATE) is None
    assert not sink.needs_a_look(1)
    assert sink.looked(2, LATE + 1) is not None
    assert state(sink) == "behind"
    assert sink.needs_a_look(2)
    sink.committed(3, 5 * SECOND)
    assert state(sink) == "behind"
    sink.committed(4, SECOND)
    assert state(sink) == "writing"
    assert not sink.needs_a_look(4)


def test_a_store_that_was_away_and_has_much_to_catch_up_is_behind_at_once() -> None:
    sink = life()
    sink.looked(0, LATE + 1)
    sink.opened(1)
    assert state(sink) == "behind"


def test_trouble_is_tried_again_after_a_doubling_wait_and_at_most_ten_seconds() -> None:
    sink, waits = life(chance=0.999999), []
    for _ in range(8):
        sink.unavailable(0, "refused")
        assert sink.retry_at is not None
        waits.append(round(sink.retry_at / SECOND, 2))
    assert waits == [0.5, 1, 2, 4, 8, 10, 10, 10]


def test_only_ten_seconds_of_commits_make_the_next_trouble_a_first_one() -> None:
    sink = life()
    for moment in (0, 1):
        sink.unavailable(moment, "refused")
    sink.opened(2)
    sink.committed(3, 0)
    sink.committed(3 + PROOF - 1, 0)
    assert sink.tries == 2
    sink.unavailable(4 + PROOF, "refused")
    sink.opened(5 + PROOF)
    sink.committed(6 + PROOF, 0)
    sink.committed(6 + 2 * PROOF, 0)
    assert sink.tries == 0


def test_a_misfit_needs_a_person_at_once_and_is_looked_at_each_minute() -> None:
    sink = life()
    sink.misfitted(5, "wrong password")
    assert sink.needs_a_look(5)
    assert sink.retry_at == 5 + RECHECK


def test_a_store_that_is_away_for_half_a_minute_is_worth_a_look_though_nothing_waits() -> None:
    sink = life()
    sink.opened(0)
    sink.committed(1, 0)
    sink.unavailable(SECOND, "refused")
    assert not sink.needs_a_look(SECOND + AWAY)
    assert sink.needs_a_look(SECOND + AWAY + 1)
    sink.opened(2 * AWAY)
    assert sink.needs_a_look(2 * AWAY)  # opened, but nothing is proven yet
    sink.looked(2 * AWAY, 0)
    assert not sink.needs_a_look(2 * AWAY)


def test_the_same_news_is_told_once_a_minute_and_a_change_at_once() -> None:
    sink = life()
    assert sink.unavailable(0, "refused") is not None
    assert sink.unavailable(SECOND, "refused") is None
    assert sink.unavailable(2 * SECOND, "broken pipe") is not None
    assert sink.opened(3 * SECOND) is not None
    assert sink.unavailable(4 * SECOND, "refused") is None
    assert sink.opened(5 * SECOND) is None
    assert sink.unavailable(RECHECK, "refused") is not None


def test_a_store_that_words_each_refusal_anew_fills_no_log() -> None:
    sink = life()
    told = [sink.unavailable(0, f"error {number}") for number in range(100)]
    assert sum(each is not None for each in told) == MOST_NEWS


def test_figures_count_what_is_written_and_how_long_it_took() -> None:
    figures = SinkFigures()
    assert figures.latency() is None
    for second in range(20):
        figures.committed(second * SECOND, 50, [second / 100])
    latency = figures.latency()
    assert latency is not None
    assert (latency.p50, latency.p99) == (0.1, 0.19)
    assert figures.written_total == 1000
    assert figures.rate(19 * SECOND) == pytest.approx(50)
    assert figures.rate(60 * SECOND) < 20
    figures.rate(75 * SECOND)
    assert figures.rate(90 * SECOND) == 0


def test_many_batches_a_second_take_no_more_memory_than_few() -> None:
    figures = SinkFigures()
    for moment in range(100_000):
        figures.committed(moment * SECOND // 1000, 1, [0.001])
    assert len(figures._counts) < 60
    assert len(figures._ways) == 1000
    assert figures.rate(100 * SECOND) == pytest.approx(1000, rel=0.05)


def test_errors_are_those_of_the_last_hour() -> None:
    figures = SinkFigures()
    figures.failed(0, "one")
    figures.failed(HOUR // 2, "two")
    assert figures.errors_last_hour(HOUR) == 2
    assert figures.errors_last_hour(HOUR + 1) == 1
    assert figures.last_error == "two"


def test_the_patience_with_a_store_is_the_agreed_one() -> None:
    assert (LATE, CAUGHT_UP, PROOF) == (10 * SECOND, 2 * SECOND, 10 * SECOND)
    assert (AWAY, RECHECK, MOST_NEWS) == (30 * SECOND, 60 * SECOND, 6)
    words = ["connecting", "writing", "behind", "backing_off", "misfit", "absent"]
    assert [each.value for each in SinkState] == words


def test_a_new_sink_has_no_store_since_it_began() -> None:
    sink = SinkLife(lambda: 0.5, 7)
    assert (sink.since, sink.reason, sink.retry_at, sink.tries) == (7, None, None, 0)
    assert not sink.needs_a_look(7 + AWAY)
    assert sink.needs_a_look(8 + AWAY)


def test_the_edges_of_behind_belong_to_writing() -> None:
    sink = life()
    sink.looked(0, LATE)
    sink.opened(1)
    assert state(sink) == "writing"
    sink.looked(2, LATE + 1)
    assert state(sink) == "behind"
    sink.looked(3, CAUGHT_UP)
    assert state(sink) == "writing"


def test_what_waits_too_long_is_told_before_the_store_is_there() -> None:
    sink = life()
    sink.looked(0, LATE + 1)
    assert (state(sink), sink.needs_a_look(1)) == ("connecting", True)


def test_a_commit_ends_the_absence_even_while_much_waits() -> None:
    sink = life()
    sink.opened(0)
    sink.committed(1, 5 * SECOND)
    assert not sink.needs_a_look(2 + AWAY)


def test_a_store_that_did_not_fit_is_away_until_something_is_committed() -> None:
    sink = life()
    sink.opened(0)
    sink.committed(1, 0)
    sink.misfitted(2, "wrong password")
    sink.opened(3)
    assert not sink.needs_a_look(2 + AWAY)
    assert sink.needs_a_look(3 + AWAY)


def test_the_same_trouble_is_news_again_after_a_minute() -> None:
    sink, begun = life(), 100 * SECOND
    assert sink.unavailable(begun, "refused") is not None
    assert sink.unavailable(begun + RECHECK - 1, "refused") is None
    assert sink.unavailable(begun + RECHECK, "refused") is not None


def test_that_all_is_well_still_is_no_news_at_any_time() -> None:
    sink = life()
    assert sink.opened(0) is not None
    assert sink.opened(1) is None
    assert sink.opened(2 * RECHECK) is None


def test_a_report_that_says_nothing_says_nought() -> None:
    report = SinkReport(
        name="redis",
        process="daemon",
        state=SinkState.WRITING,
        reason=None,
        since=datetime(2026, 11, 23, tzinfo=UTC),
        needs_a_look=False,
    )
    assert (report.position, report.lag_ticks, report.lag_seconds, report.rate) == (0, 0, 0, 0)
    assert (report.written_total, report.set_aside_total, report.missed_total, report.dropped_total) == (0, 0, 0, 0)
    assert report.errors_last_hour == 0
