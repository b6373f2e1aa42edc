"""Prices that a desk could believe, and the bytes they become."""

from __future__ import annotations

import struct
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tradewarden.simulator.instruments import dump, expiry_after, listed
from tradewarden.simulator.packets import MALFORMED, Mode, frames, packet
from tradewarden.simulator.prices import Board

IST = ZoneInfo("Asia/Kolkata")
OPEN = datetime(2026, 11, 23, 9, 15, tzinfo=IST)
RELIANCE, NIFTY, BANK, UNKNOWN, USDINR = 738561, 256265, 260105, 5633, 0x1203
FUTURE = next(i for i in listed(OPEN.date()) if i.symbol == "NIFTY26NOVFUT")


@pytest.fixture
def board() -> Board:
    return Board(OPEN.date(), seed=3)


@pytest.mark.parametrize("token", [RELIANCE, NIFTY, FUTURE.token, UNKNOWN, USDINR])
def test_a_price_walks_in_ticks_and_its_day_stays_consistent(board: Board, token: int) -> None:
    quote = board.quote(token, OPEN)
    seen, volume = {quote.last}, quote.volume
    for second in range(5_000):
        (quote,) = board.advance(token, OPEN + timedelta(seconds=second))
        assert (quote.last - quote.open) % quote.tick == 0
        assert quote.low <= quote.last <= quote.high
        assert quote.low <= quote.open <= quote.high
        assert abs(quote.last - quote.close) < 0.06 * quote.close
        assert quote.volume > volume or (quote.instrument.index and quote.volume == 0)
        assert quote.instrument.index or quote.low <= quote.average <= quote.high
        assert (quote.oi > 0) == quote.instrument.derivative
        assert quote.oi_low <= quote.oi <= quote.oi_high
        assert quote.exchange_ts == quote.traded_ts == int(OPEN.timestamp()) + second
        volume = quote.volume
        seen.add(quote.last)
    assert len(seen) > 20


def test_the_order_book_surrounds_the_last_price(board: Board) -> None:
    for _ in range(50):
        (quote,) = board.advance(RELIANCE, OPEN)
        prices = [price for _, price, _ in quote.depth()]
        bids, offers = prices[:5], prices[5:]
        assert bids == sorted(bids, reverse=True)
        assert offers == sorted(offers)
        assert offers[0] - bids[0] == quote.tick
        assert quote.last in (bids[0], offers[0])
        assert all(quantity > 0 and 0 < orders < 65_536 for quantity, _, orders in quote.depth())


def test_a_new_day_begins_at_yesterdays_last_price(board: Board) -> None:
    (quote,) = board.advance(RELIANCE, OPEN)
    yesterday = quote.last
    (quote,) = board.advance(RELIANCE, OPEN + timedelta(days=1))
    assert quote.close == quote.open == yesterday
    assert quote.volume == quote.last_quantity


def test_looking_moves_nothing(board: Board) -> None:
    before = packet(board.quote(RELIANCE, OPEN), Mode.FULL)
    assert packet(board.quote(RELIANCE, OPEN + timedelta(hours=1)), Mode.FULL) == before


def test_a_seed_repeats_a_day() -> None:
    def day(seed: int) -> list[bytes]:
        board = Board(OPEN.date(), seed=seed)
        return [packet(quote, Mode.FULL) for _ in range(50) for quote in board.advance(RELIANCE, OPEN)]

    assert day(1) == day(1)
    assert day(1) != day(2)


@pytest.mark.parametrize(
    ("token", "sizes"), [(RELIANCE, [8, 44, 184]), (NIFTY, [8, 28, 32]), (FUTURE.token, [8, 44, 184])]
)
def test_a_packet_has_kites_length(board: Board, token: int, sizes: list[int]) -> None:
    assert [len(packet(board.quote(token, OPEN), mode)) for mode in Mode] == sizes


def test_an_index_says_high_low_open_close_and_a_share_open_high_low_close(board: Board) -> None:
    for _ in range(200):
        for token in (NIFTY, RELIANCE):
            list(board.advance(token, OPEN))
    index, share = board.quote(NIFTY, OPEN), board.quote(RELIANCE, OPEN)
    assert struct.unpack(">7I", packet(index, Mode.QUOTE))[2:6] == (index.high, index.low, index.open, index.close)
    assert struct.unpack(">11I", packet(share, Mode.QUOTE))[7:] == (share.open, share.high, share.low, share.close)


def test_many_packets_share_a_frame(board: Board) -> None:
    bodies = [packet(board.quote(token, OPEN), Mode.LTP) for token in range(1, 1_502)]
    big, small = frames(bodies)
    assert struct.unpack(">HHII", big[:12]) == (1_000, 8, *struct.unpack(">II", bodies[0]))
    assert struct.unpack(">H", small[:2]) == (501,)
    assert len(big) + len(small) == 4 + 1_501 * 10
    assert list(frames([])) == []


def test_every_malformed_frame_breaks_a_rule() -> None:
    assert len(MALFORMED) == len(set(MALFORMED.values()))
    assert {"trunc", "count", "unknown_length", "three_bytes", "text_garbage"} <= set(MALFORMED)


def test_futures_expire_on_the_months_last_tuesday_and_change_their_tokens() -> None:
    assert expiry_after(date(2026, 11, 23)) == date(2026, 11, 24)
    assert expiry_after(date(2026, 11, 24)) == date(2026, 11, 24)
    assert expiry_after(date(2026, 11, 25)) == date(2026, 12, 29)
    assert expiry_after(date(2026, 12, 30)) == date(2027, 1, 26)
    futures = [i for i in listed(date(2026, 11, 23)) if i.expiry and not i.option]
    assert {i.symbol for i in futures if i.name == "NIFTY"} == {"NIFTY26NOVFUT", "NIFTY26DECFUT"}
    assert all(i.token & 0xFF == 2 for i in futures if i.exchange == "NFO")
    assert len({i.token for i in listed(date(2026, 11, 23))}) == len(listed(date(2026, 11, 23)))


@pytest.mark.parametrize("day", [date(2026, 11, 23), date(2026, 11, 25), date(2026, 12, 31)])
def test_options_are_listed_for_the_weeks_and_months_to_come_each_with_a_token_and_a_symbol_of_its_own(
    day: date,
) -> None:
    options = [i for i in listed(day) if i.option]
    assert len({i.token for i in options}) == len({i.symbol for i in options}) == len(options)
    assert all(i.expiry and i.expiry >= day and i.token & 0xFF == 2 and i.price > 0 for i in options)
    assert not {i.token for i in options} & {i.token for i in listed(day + timedelta(days=90)) if i.option}
    nifty = {i.expiry for i in options if i.name == "NIFTY"}
    assert len(nifty) >= 5
    assert {expiry_after(day)} < nifty
    assert len({i.expiry for i in options if i.name == "BANKNIFTY"}) == 2


def test_weekly_options_are_named_by_their_day_and_monthly_ones_by_their_month() -> None:
    symbols = {i.symbol for i in listed(date(2026, 11, 23)) if i.option}
    assert {"NIFTY26NOV26050CE", "NIFTY26D0126050PE", "BANKNIFTY26DEC59000CE"} <= symbols


def test_the_dump_lists_what_is_alive_that_day_and_moves_no_price(board: Board) -> None:
    today = {i.symbol for i, _ in board.dump(OPEN)}
    later = {i.symbol for i, _ in board.dump(OPEN + timedelta(days=2))}
    assert {"NIFTY26NOVFUT", "NIFTY26NOV26050CE", "GOLD26NOVFUT"} <= today - later
    assert {"NIFTY27JANFUT", "NIFTY26D2226050CE"} <= later - today
    assert dict(board.dump(OPEN))[FUTURE] == board.quote(FUTURE.token, OPEN).last_price


def test_the_dump_has_kites_columns() -> None:
    lines = dump((i, i.price) for i in listed(OPEN.date())).decode().splitlines()
    assert lines[0] == (
        "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
        "instrument_type,segment,exchange"
    )
    assert "738561,2885,RELIANCE,RELIANCE INDUSTRIES,1546,,0,0.1,1,EQ,NSE,NSE" in lines
    assert "256265,1001,NIFTY 50,NIFTY 50,26050,,0,0,0,EQ,INDICES,NSE" in lines
    assert any(line.endswith(",NIFTY,26110,2026-11-24,0,0.1,65,FUT,NFO-FUT,NFO") for line in lines)
    assert any(line.endswith(",2026-12-01,26050,0.05,65,CE,NFO-OPT,NFO") for line in lines)


def test_names_and_tokens_find_an_instrument(board: Board) -> None:
    for name in ("NSE:RELIANCE", str(RELIANCE)):
        found = board.find(name)
        assert found is not None
        assert found.token == RELIANCE
    assert board.find("NSE:NOTHING") is None
    assert board.find("99999999999") is None
