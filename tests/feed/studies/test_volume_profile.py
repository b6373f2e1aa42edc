from collections import defaultdict

import pytest

from ticks import frames
from tradewarden.feed.record import FIELDS, Frame, Mark, pack, rows
from tradewarden.feed.studies.volume_profile import VolumeProfile
from tradewarden.feed.tick import LtpTick, QuoteTick

TOKEN = 256001
VOLUME = 1 << FIELDS.index("volume")


def traded(*steps: tuple[int, int], divisor: int = 100, marks: int = 0) -> Frame:
    """Ticks with these raw prices and volumes of the day."""
    records = [pack(QuoteTick(TOKEN, price, divisor, volume=volume), marks) for price, volume in steps]
    return Frame(1, len(records), 5, b"".join(records))


def test_what_was_traded_between_two_ticks_counts_for_the_price_of_the_second() -> None:
    study = VolumeProfile()
    study.take([traded((15_000, 100), (15_005, 140), (15_000, 150), (15_000, 150), (15_005, 151))])
    assert study.of(TOKEN) == [(150.0, 10), (150.05, 41)]
    assert study.point_of_control(TOKEN) == 150.05


def test_a_volume_that_falls_is_a_new_day() -> None:
    study = VolumeProfile()
    study.take([traded((15_000, 100), (15_000, 190)), traded((15_100, 20), (15_100, 25))])
    assert study.of(TOKEN) == [(151.0, 5)]


def test_ticks_without_a_volume_and_impossible_prices_count_for_nothing() -> None:
    study = VolumeProfile()
    study.take([traded((15_000, 100)), Frame(2, 1, 5, pack(LtpTick(TOKEN, 15_500)))])
    study.take([traded((1, 150), marks=Mark.PRICE), traded((15_010, 160), marks=Mark.TIME)])
    assert study.of(TOKEN) == [(150.1, 60)]


def test_an_instrument_that_nobody_has_seen_has_no_profile() -> None:
    study = VolumeProfile()
    assert (study.of(1), study.point_of_control(1), study.value_area(1)) == ([], None, None)
    study.take([traded((15_000, 100))])
    assert (study.of(TOKEN), study.point_of_control(TOKEN)) == ([], None)


@pytest.mark.parametrize(
    ("share", "area"), [(0.1, (102.0, 102.0)), (0.5, (102.0, 103.0)), (0.7, (101.0, 103.0)), (1.0, (100.0, 104.0))]
)
def test_the_value_area_grows_to_the_side_on_which_more_was_traded(share: float, area: tuple[float, float]) -> None:
    study = VolumeProfile()
    study.take([traded((10_000, 0), (10_000, 5), (10_100, 20), (10_200, 60), (10_300, 85), (10_400, 95))])
    assert study.value_area(TOKEN, share) == area


def test_a_currency_has_prices_of_seven_decimals() -> None:
    study = VolumeProfile()
    study.take([traded((8_450_000_000 % 2**31, 1), (845_000_000, 9), divisor=10_000_000)])
    assert study.of(TOKEN) == [(84.5, 8)]


def test_every_frame_of_a_made_up_market_comes_to_the_same_as_counting_by_hand() -> None:
    some = frames(20_000)
    wanted: dict[int, dict[float, int]] = defaultdict(lambda: defaultdict(int))
    before: dict[int, int] = {}
    for row in rows(some):
        if row.has & VOLUME:
            if row.volume > before.get(row.instrument, row.volume):
                wanted[row.instrument][row.last_price / 10**row.scale] += row.volume - before[row.instrument]
            before[row.instrument] = row.volume
    study = VolumeProfile()
    for frame in some:
        study.take([frame])
    assert {token: study.of(token) for token in wanted} == {token: sorted(it.items()) for token, it in wanted.items()}
    assert len(wanted) > 100
