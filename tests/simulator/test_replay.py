"""A recorded day, played again at the same time of day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tradewarden.simulator.prices import Board
from tradewarden.simulator.replay import Recording, ReplayError, Trade

IST = ZoneInfo("Asia/Kolkata")
MORNING = datetime(2026, 11, 23, 9, 15, tzinfo=IST)
AT = 9 * 3600 + 15 * 60
RELIANCE = 738561


def recorded(tmp_path: Path, text: str, name: str = "day.csv", day: date | None = None) -> Recording:
    path = tmp_path / name
    path.write_text(text)
    return Recording.from_csv(path, day=day)


def prices(board: Board, when: datetime, token: int = RELIANCE) -> list[float]:
    return [quote.last_price for quote in board.advance(token, when)]


def test_a_minute_bar_becomes_four_ticks_with_its_volume(tmp_path: Path) -> None:
    day = recorded(
        tmp_path,
        "date,symbol,open,high,low,close,volume\n"
        "2024-01-05 09:15:00,RELIANCE,100,110,95,105,1002\n"
        "2024-01-05 09:16:00,RELIANCE,105,106,90,91,8\n",
    )
    assert day.day == date(2024, 1, 5)
    rising, falling = day.trades[RELIANCE][:4], day.trades[RELIANCE][4:]
    assert [(trade.price, trade.quantity) for trade in rising] == [(100, 250), (95, 250), (110, 250), (105, 252)]
    assert [trade.price for trade in falling] == [105, 106, 90, 91]
    assert [trade.at for trade in rising] == pytest.approx([AT, AT + 18, AT + 36, AT + 54])


def test_ticks_count_their_volume_from_the_morning_or_one_by_one(tmp_path: Path) -> None:
    total = recorded(tmp_path, "time,token,price,volume\n09:15:01,738561,10.05,100\n09:15:02,738561,10.10,130\n")
    single = recorded(
        tmp_path, "time,token,price,quantity,oi\n09:15:01,738561,10.05,100,7\n09:15:02,738561,10.10,30,\n"
    )
    assert total.trades[RELIANCE] == [Trade(AT + 1, 10.05, 100), Trade(AT + 2, 10.10, 30)]
    assert single.trades[RELIANCE] == [Trade(AT + 1, 10.05, 100, 7), Trade(AT + 2, 10.10, 30)]
    assert total.day is None


@pytest.mark.parametrize(
    "moment",
    ["2024-01-05 09:15:00", "2024-01-05T09:15:00+05:30", "2024-01-05T03:45:00Z", "1704426300", "1704426300000"],
)
def test_times_may_be_written_in_the_usual_ways(tmp_path: Path, moment: str) -> None:
    day = recorded(tmp_path, f"timestamp,symbol,price\n{moment},NSE:RELIANCE,10\n")
    assert (day.day, day.trades) == (date(2024, 1, 5), {RELIANCE: [Trade(AT, 10)]})


def test_a_date_and_a_time_may_stand_in_two_columns(tmp_path: Path) -> None:
    day = recorded(tmp_path, "date,time,symbol,price\n20240105,09:15,RELIANCE,10\n")
    assert (day.day, day.trades) == (date(2024, 1, 5), {RELIANCE: [Trade(AT, 10)]})


def test_the_files_name_says_the_instrument_when_no_column_does(tmp_path: Path) -> None:
    day = recorded(tmp_path, "date,open,high,low,close\n2024-01-05 09:15:00,1,2,1,2\n", "NIFTY 50_minute.csv")
    assert list(day.trades) == [256265]


def test_a_symbol_that_is_not_listed_gets_a_token_and_is_listed(tmp_path: Path) -> None:
    day = recorded(
        tmp_path, "time,symbol,price\n09:15,WIPRO,500\n09:15,NIFTY26NOVFUT,26000\n09:15,NIFTY24JAN21000CE,9\n"
    )
    board = Board(MORNING.date(), recording=day)
    wipro, option = board.find("NSE:WIPRO"), board.find("NFO:NIFTY24JAN21000CE")
    assert wipro is not None
    assert option is not None
    assert prices(board, MORNING, wipro.token) == [500]
    future = [i for i in board.instruments if i.symbol == "NIFTY26NOVFUT"]
    assert [prices(board, MORNING, i.token) for i in future] == [[26000]]


def test_the_recorded_day_plays_at_the_same_time_of_day(tmp_path: Path) -> None:
    day = recorded(
        tmp_path, "time,token,price,volume\n09:15:01,738561,10,5\n09:15:02.2,738561,12,6\n09:15:02.4,738561,11,9\n"
    )
    board = Board(MORNING.date(), recording=day, seed=1)
    assert board.quote(RELIANCE, MORNING).last_price == 10
    assert prices(board, MORNING) == []  # before the first trade nothing ticks
    assert prices(board, MORNING + timedelta(seconds=1)) == [10]
    assert prices(board, MORNING + timedelta(seconds=2)) == [10]  # only the order book moved
    assert prices(board, MORNING + timedelta(seconds=3)) == [12, 11]
    quote = board.quote(RELIANCE, MORNING)
    assert (quote.open, quote.high, quote.low, quote.last, quote.volume) == (1000, 1200, 1000, 1100, 9)
    assert quote.traded_ts == int(MORNING.timestamp()) + 3 - 0
    assert prices(board, MORNING + timedelta(seconds=62)) == [11]
    assert prices(board, MORNING + timedelta(seconds=63)) == []  # the recording is over


def test_whoever_comes_late_finds_the_day_as_it_stands(tmp_path: Path) -> None:
    day = recorded(tmp_path, "date,symbol,open,high,low,close,volume\n2024-01-05 09:15,RELIANCE,100,110,95,105,1002\n")
    quote = Board(MORNING.date(), recording=day).quote(RELIANCE, MORNING + timedelta(hours=2))
    assert (quote.open, quote.high, quote.low, quote.last, quote.volume) == (10000, 11000, 9500, 10500, 1002)


def test_what_was_missed_for_long_is_not_told_trade_by_trade(tmp_path: Path) -> None:
    rows = "".join(f"09:15:{second:02},738561,{second + 10}\n" for second in range(60))
    board = Board(MORNING.date(), recording=recorded(tmp_path, "time,token,price\n" + rows))
    prices(board, MORNING)
    assert prices(board, MORNING + timedelta(seconds=40)) == [45, 46, 47, 48, 49, 50]


def test_a_clock_put_back_plays_the_day_again(tmp_path: Path) -> None:
    day = recorded(tmp_path, "time,token,price,volume\n09:15:01,738561,10,5\n09:15:02,738561,12,6\n")
    board = Board(MORNING.date(), recording=day)
    prices(board, MORNING + timedelta(seconds=2))
    assert prices(board, MORNING + timedelta(seconds=1)) == [10]
    assert board.quote(RELIANCE, MORNING).volume == 5
    assert prices(board, MORNING + timedelta(days=1, seconds=2)) == [10, 12]


def test_what_is_not_in_the_recording_walks_at_random(tmp_path: Path) -> None:
    board = Board(MORNING.date(), recording=recorded(tmp_path, "time,token,price\n09:15:01,738561,10\n"))
    assert len(prices(board, MORNING, 408065)) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column for the time: none of time, date"),
        ("time,token\n", "line 1: no column for the price (or open, high, low and close)"),
        ("time,token,price\n", "there are no rows; nothing to replay"),
        ("time,token,price\n09:15,738561\n", "line 2: 2 values, but 3 columns"),
        ("time,token,price\n09:15,738561,1\n\n9h15,738561,1\n", "line 4, column time: '9h15' is not a time; write"),
        ("time,token,price\n915,738561,1\n", "line 2, column time: '915' is not a time; write"),
        ("time,token,price\n09:15,RELIANCE,1\n", "line 2, column token: 'RELIANCE' is not an instrument token"),
        ("time,token,price\n09:15,0,1\n", "line 2, column token: '0' is not an instrument token"),
        ("time,symbol,price\n09:15,,1\n", "line 2, column symbol: '' names no instrument"),
        ("time,token,price\n09:15,738561,abc\n", "line 2, column price: 'abc' is not a price"),
        ("time,token,price\n09:15,738561,-1\n", "line 2, column price: '-1' is not a price"),
        ("time,token,price\n09:15,738561,nan\n", "line 2, column price: 'nan' is not a price"),
        ("time,token,price\n09:15,738561,1e9\n", "line 2, column price: '1e9' is not a price"),
        (
            "time,token,price,quantity\n09:15,738561,1,1.5\n",
            "line 2, column quantity: '1.5' is not a whole number of shares or contracts",
        ),
        (
            "time,token,price,volume\n09:15,738561,1,9\n09:16,738561,1,5\n",
            "line 3, column volume: '5' is less than 9 before it",
        ),
        (
            "time,token,open,high,low,close\n09:15,738561,5,6,4,7\n",
            "line 2, column high: '6' does not fit: low 4, open 5, close 7",
        ),
        (
            "time,token,price\n2024-01-05 09:15,738561,1\n2024-01-08 09:15,738561,1\n",
            "line 3, column time: '2024-01-08 09:15' is another day than 2024-01-05; say which day to replay",
        ),
    ],
)
def test_a_wrong_recording_says_file_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ReplayError) as error:
        recorded(tmp_path, text)
    assert str(error.value).startswith(f"{tmp_path / 'day.csv'}: {said}")


def test_a_price_beyond_the_wire_is_refused_for_every_segment(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="column price"):
        recorded(tmp_path, "time,symbol,price\n09:15,USDINR26NOVFUT,500\n")


def test_a_file_of_several_days_plays_the_one_that_is_asked_for(tmp_path: Path) -> None:
    text = "time,token,price\n2024-01-05 09:15,738561,1\n2024-01-08 09:15,738561,2\n"
    assert recorded(tmp_path, text, day=date(2024, 1, 8)).trades == {RELIANCE: [Trade(AT, 2)]}
    with pytest.raises(ReplayError, match="no rows of 2024-01-06"):
        recorded(tmp_path, text, day=date(2024, 1, 6))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    binary = tmp_path / "day.parquet"
    binary.write_bytes(b"PAR1\xff\xfe\x00")
    with pytest.raises(ReplayError, match=r"day\.parquet: this is not a text file; give a CSV"):
        Recording.from_csv(binary)
    with pytest.raises(ReplayError, match=r"gone\.csv: cannot be read: No such file"):
        Recording.from_csv(tmp_path / "gone.csv")
