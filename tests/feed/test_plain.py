"""A record as JSON says what came, in the exchange's units, and nothing that did not."""

from pathlib import Path

import orjson

from ticks import frames, ticks
from tradewarden.feed.names import Names
from tradewarden.feed.plain import moment, told
from tradewarden.feed.record import Frame, Kind, Mark, pack, rows
from tradewarden.feed.tick import FullTick, LtpTick


def row_of(tick: FullTick | LtpTick, marks: int = 0) -> dict[str, object]:
    (row,) = rows([Frame(7, 1, 1_795_578_300_123_456_000, pack(tick, marks))])
    plain: dict[str, object] = orjson.loads(orjson.dumps(told(row)))
    return plain


def test_a_last_price_says_nothing_else() -> None:
    assert row_of(LtpTick(738561, 4014215)) == {
        "seq": 7,
        "kind": "tick",
        "instrument": 738561,
        "received_at": "2026-11-25T03:45:00.123456+00:00",
        "last_price": 40142.15,
    }


def test_a_full_tick_has_both_times_and_its_order_book() -> None:
    plain = row_of(FullTick(738561, 150_000, exchange_ts=1_795_578_300, volume=9), Mark.PRICE | Mark.TIME)
    assert plain["exchange_at"] == "2026-11-25T03:45:00.000000+00:00"
    assert plain["last_trade_at"] is None  # nothing has been traded
    assert plain["volume"] == 9
    assert plain["depth"] == {"buy": [[0, 0.0, 0]] * 5, "sell": [[0, 0.0, 0]] * 5}
    assert plain["marks"] == ["price", "time"]


def test_a_kind_that_is_not_known_is_told_by_its_number() -> None:
    record = bytearray(pack(ticks(1)[0]))
    record[0] = 200
    (row,) = rows([Frame(1, 1, 0, bytes(record))])
    assert told(row)["kind"] == "200"
    record[0] = Kind.TRADE
    (row,) = rows([Frame(1, 1, 0, bytes(record))])
    assert told(row)["kind"] == "trade"


def test_any_time_that_a_record_can_have_is_told() -> None:
    assert [moment(at)[:4] for at in (-(2**63), 0, 2**63 - 1)] == ["1677", "1970", "2262"]


def test_an_instrument_has_its_name_where_names_are_known(tmp_path: Path) -> None:
    (row,) = rows(frames(1))
    assert told(row, Names(tmp_path / "none.json"))["symbol"] == str(row.instrument)
