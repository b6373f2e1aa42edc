"""A sink's figures: half of the frames, one of a hundred, and ticks a second from a few looks."""

from __future__ import annotations

import pytest

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.sink_figures import MOST_ERRORS, WINDOW, SinkFigures


def test_before_anything_was_written_nothing_is_known() -> None:
    figures = SinkFigures()
    assert (figures.written_total, figures.set_aside_total, figures.missed_total) == (0, 0, 0)
    assert (figures.last_error, figures.latency(), figures.errors_last_hour(0)) == (None, None, 0)
    assert figures.rate(7 * SECOND) == 0


def test_the_ways_need_not_come_in_order() -> None:
    figures = SinkFigures()
    figures.committed(0, 200, [float(way) for way in range(199, -1, -1)])
    latency = figures.latency()
    assert latency is not None
    assert (latency.p50, latency.p99) == (100, 198)


def test_a_single_frame_is_half_of_them_and_nearly_all() -> None:
    figures = SinkFigures()
    figures.committed(0, 1, [0.25])
    latency = figures.latency()
    assert latency is not None
    assert (latency.p50, latency.p99) == (0.25, 0.25)


def looks(*quarters: float) -> list[float]:
    """The moments that are left of these looks, in seconds."""
    figures = SinkFigures()
    for moment in quarters:
        figures.committed(int(moment * SECOND), 1, ())
    return [at / SECOND for at, _ in figures._counts]


@pytest.mark.parametrize(
    ("moments", "left"),
    [
        ((0, 0.1), [0, 0.1]),
        ((0, 0.1, 0.2), [0, 0.2]),
        ((0, 0.1, 0.2, 0.24), [0, 0.24]),
        ((0, 0.1, 0.2, 0.25), [0, 0.2, 0.25]),
        ((0, 0.25, 0.3), [0, 0.25, 0.3]),
        ((0, 5, 15), [0, 5, 15]),
        ((0, 5, 16), [5, 16]),
        ((0, 5, 15, 16), [5, 15, 16]),
        ((0, 30), [0, 30]),
    ],
)
def test_a_look_each_quarter_of_a_second_is_kept_for_ten_seconds(moments: list[float], left: list[float]) -> None:
    assert looks(*moments) == left


def test_the_rate_is_that_of_the_whole_stretch() -> None:
    figures = SinkFigures()
    for second, records in ((0, 100), (2, 10), (4, 50)):
        figures.committed(second * SECOND, records, ())
    assert figures.rate(4 * SECOND) == pytest.approx(60 / 4)
    assert WINDOW == 10 * SECOND


def test_errors_fill_no_memory() -> None:
    figures = SinkFigures()
    for moment in range(MOST_ERRORS + 5):
        figures.failed(moment, "refused")
    assert figures.errors_last_hour(MOST_ERRORS) == MOST_ERRORS == 10_000
