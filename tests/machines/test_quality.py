import pytest

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.quality import SAMPLES, Quality


def test_a_steady_stream_has_its_rate() -> None:
    quality = Quality()
    for beat in range(40):
        quality.look(now=beat * SECOND // 2, ticks_total=beat * 50, lag=None)
    assert quality.ticks_per_second == pytest.approx(100)


def test_a_stream_that_went_silent_has_none_after_ten_seconds() -> None:
    quality = Quality()
    for beat in range(20):
        quality.look(now=beat * SECOND // 2, ticks_total=beat * 50, lag=None)
    for beat in range(20, 41):
        quality.look(now=beat * SECOND // 2, ticks_total=950, lag=None)
    assert quality.ticks_per_second == 0


def test_before_the_first_look_nothing_is_known() -> None:
    quality = Quality()
    assert quality.ticks_per_second == 0
    assert quality.lags == {}
    quality.look(now=0, ticks_total=5, lag=None)
    assert quality.ticks_per_second == 0


def test_the_lag_is_told_by_the_share_of_samples_that_did_not_exceed_it() -> None:
    quality = Quality()
    for hundredth in range(100):
        quality.look(now=hundredth, ticks_total=0, lag=hundredth / 100)
    assert quality.lags[0.5] == pytest.approx(0.5)
    assert quality.lags[0.99] == pytest.approx(0.99)


def test_old_samples_are_forgotten() -> None:
    quality = Quality()
    for _ in range(SAMPLES):
        quality.look(now=0, ticks_total=0, lag=9.0)
    for _ in range(SAMPLES):
        quality.look(now=0, ticks_total=0, lag=0.1)
    assert quality.lags[0.99] == pytest.approx(0.1)


def test_ticks_of_exactly_ten_seconds_ago_are_still_counted() -> None:
    quality = Quality()
    for second, total in ((0, 0), (5, 10), (10, 100)):
        quality.look(now=second * SECOND, ticks_total=total, lag=None)
    assert quality.ticks_per_second == pytest.approx(10)


def test_the_lags_need_not_come_in_order() -> None:
    quality = Quality()
    for lag in (3.0, 1.0, 2.0):
        quality.look(now=0, ticks_total=0, lag=lag)
    assert quality.lags == {0.5: 2.0, 0.99: 3.0}


def test_five_minutes_of_two_looks_a_second_are_remembered() -> None:
    assert SAMPLES == 600
