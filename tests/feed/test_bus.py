"""A message on a bus is the journal's frames, and every kind of tick comes out as it went in."""

import pytest

from ticks import frames as made
from ticks import ticks
from tradewarden.feed import bus
from tradewarden.feed.record import RECORD, DepthLayout, Frame, Kind, pack, rows
from tradewarden.feed.tick import FullTick, QuoteTick, Tick


def content(tick: Tick) -> dict[str, object]:
    return {"kind": type(tick), "divisor": tick.divisor} | tick.to_kite_dict()


def test_frames_come_out_as_they_went_in() -> None:
    some = made(120, a_frame=50)
    assert bus.frames(bus.message(some)) == some
    assert bus.frames(b"") == []


def test_every_kind_of_tick_comes_out_as_it_went_in_with_both_its_times() -> None:
    some = ticks(3000)
    assert len({type(tick) for tick in some}) == 4
    frame = Frame(11, len(some), 1_795_578_300_123_456_789, b"".join(map(pack, some)))
    out = bus.received(frame)
    assert [content(tick) for tick in out] == [content(tick) for tick in some]
    assert [tick.exchange_ts for tick in out] == [tick.exchange_ts for tick in some]
    assert (out.first_seq, out.received_ns) == (11, frame.received_ns)


def test_records_of_other_kinds_are_no_ticks() -> None:
    record = bytearray(pack(ticks(1)[0]))
    record[0] = Kind.ORDER
    assert bus.received(Frame(1, 1, 0, bytes(record))) == []


def test_a_price_of_more_decimals_than_a_tick_has_is_left_out_and_told() -> None:
    record = bytearray(pack(ticks(1)[0]))
    record[1] = 9
    out = bus.received(Frame(1, 2, 0, bytes(record) + pack(ticks(1)[0])))
    assert [content(tick) for tick in out] == [content(ticks(1)[0])]
    assert out.odd == {"scale"}


@pytest.mark.parametrize("layout", [0, 7])
def test_an_order_book_that_nobody_can_read_is_never_handed_on_as_one_of_kite(layout: int) -> None:
    full = next(tick for tick in ticks(100) if type(tick) is FullTick)
    values = list(RECORD.unpack(pack(full)))
    values[4] = layout
    (tick,) = out = bus.received(Frame(1, 1, 0, RECORD.pack(*values)))
    assert (type(tick), tick.last_price_raw, tick.volume) == (QuoteTick, full.last_price_raw, full.volume)
    assert out.odd == {"depth"}
    assert next(iter(rows([Frame(1, 1, 0, pack(tick))]))).depth_layout == DepthLayout.NONE


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[:-1], "cut off"),
        (lambda data: data[:20], "no frame"),
        (lambda data: b"junk" + data, "no frame"),
        (lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:], "crc"),
        (lambda data: data[:12] + b"\x09" + data[13:], "version 9"),
        (lambda data: data[:8] + b"\xff\xff" + data[10:], "cut off"),
    ],
)
def test_a_message_that_is_not_whole_is_named(damage: object, words: str) -> None:
    assert callable(damage)
    with pytest.raises(bus.BusError, match=words):
        bus.frames(damage(bus.message(made(10))))


def test_parcels_are_bounded_whatever_the_frames_are() -> None:
    some = [*made(30, a_frame=7), *made(1700, a_frame=1700, first_seq=31)]
    parcels = list(bus.parcels(some, 500))
    assert all(sum(frame.count for frame in parcel) <= 500 for parcel in parcels)
    assert [row.seq for parcel in parcels for row in rows(parcel)] == list(range(1, 1731))
    assert [row[7:] for parcel in parcels for row in rows(parcel)] == [row[7:] for row in rows(some)]


def test_what_is_behind_a_number_is_cut_from_the_frame_that_has_it() -> None:
    some = made(100, a_frame=40)
    for position in (0, 1, 39, 40, 41, 99, 100, 200):
        assert [row.seq for row in rows(bus.after(some, position))] == list(range(position + 1, 101))
