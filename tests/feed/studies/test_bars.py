from collections import defaultdict

from ticks import frames
from tradewarden.feed.record import Frame, Mark, Row, pack, rows
from tradewarden.feed.studies.bars import Bar, TickBars
from tradewarden.feed.tick import LtpTick, QuoteTick

TOKEN = 256001


def tick(price: int, volume: int, at: int, marks: int = 0) -> Frame:
    return Frame(1, 1, at, pack(QuoteTick(TOKEN, price, volume=volume), marks))


def test_a_bar_tells_where_its_ticks_began_ended_and_went() -> None:
    study = TickBars(each=4)
    done = study.take([tick(10_000, 50, 1), tick(10_050, 60, 2), tick(9_900, 65, 3), tick(10_010, 80, 4)])
    assert done == [Bar(TOKEN, 1, 4, 100.0, 100.5, 99.0, 100.1, 30, 4)]
    assert study.of(TOKEN) == done


def test_a_bar_that_grows_is_told_too_and_counts_what_was_traded_since_the_last_one() -> None:
    study = TickBars(each=2)
    assert len(study.take([tick(100, 10, 1), tick(110, 20, 2), tick(120, 50, 3)])) == 1
    assert study.of(TOKEN)[-1] == Bar(TOKEN, 3, 3, 1.2, 1.2, 1.2, 1.2, 30, 1)


def test_only_so_many_finished_bars_are_kept() -> None:
    study = TickBars(each=1, kept=3)
    study.take([tick(price, 0, price) for price in range(1, 9)])
    assert [bar.began_ns for bar in study.of(TOKEN)] == [6, 7, 8]


def test_impossible_prices_are_in_no_bar_and_a_new_day_takes_no_volume_away() -> None:
    study = TickBars(each=2)
    study.take([tick(100, 500, 1), tick(1, 510, 2, Mark.PRICE), tick(101, 20, 3)])
    assert study.of(TOKEN) == [Bar(TOKEN, 1, 3, 1.0, 1.01, 1.0, 1.01, 0, 2)]


def test_an_index_has_bars_without_volume() -> None:
    study = TickBars(each=2)
    study.take([Frame(1, 2, 9, pack(LtpTick(TOKEN, 5)) + pack(LtpTick(TOKEN, 7)))])
    assert study.of(TOKEN) == [Bar(TOKEN, 9, 9, 0.05, 0.07, 0.05, 0.07, 0, 2)]
    assert study.of(1) == []


def test_a_hundred_ticks_a_bar_of_a_made_up_market_are_those_counted_by_hand() -> None:
    some = frames(20_000)
    of: dict[int, list[Row]] = defaultdict(list)
    for row in rows(some):
        of[row.instrument].append(row)
    study = TickBars()
    done = [bar for frame in some for bar in study.take([frame])]
    for token, mine in of.items():
        wanted = []
        for at in range(0, len(mine), 100):
            prices = [row.last_price / 10**row.scale for row in mine[at : at + 100]]
            wanted.append((prices[0], max(prices), min(prices), prices[-1], len(prices)))
        assert [(bar.open, bar.high, bar.low, bar.close, bar.ticks) for bar in study.of(token)] == wanted
    assert len(done) > 100
