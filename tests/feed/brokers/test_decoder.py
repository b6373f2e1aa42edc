from __future__ import annotations

import struct
import time
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kiteconnect import KiteTicker

from tradewarden.feed.brokers.decoder import BadPart, Fault, decode, frame_to_kite_json
from tradewarden.feed.tick import FullTick, IndexFullTick, IndexTick, LtpTick, QuoteTick

OFFICIAL = KiteTicker("key", "token")
SEGMENTS = [*sorted(set(KiteTicker.EXCHANGE_MAP.values())), 0, 10, 255]
KINDS = {8: LtpTick, 28: IndexTick, 32: IndexFullTick, 44: QuoteTick, 184: FullTick}


def frame_of(*packets: bytes, count: int | None = None) -> bytes:
    body = b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)
    return struct.pack(">H", len(packets) if count is None else count) + body


@st.composite
def packets(draw: st.DrawFn, lengths: tuple[int, ...] = tuple(KINDS)) -> bytes:
    token = (draw(st.integers(0, 2**24 - 1)) << 8) | draw(st.sampled_from(SEGMENTS))
    length = draw(st.sampled_from(lengths))
    # Whole words, so that zeros, small prices and the edges of 32 bits come up, not only noise.
    words = draw(st.lists(st.integers(0, 2**32 - 1), min_size=length // 4 - 1, max_size=length // 4 - 1))
    return struct.pack(f">I{len(words)}I", token, *words)


@given(st.lists(packets(), max_size=20))
def test_ticks_are_equal_field_by_field_to_the_official_clients(made: list[bytes]) -> None:
    frame = frame_of(*made)
    ticks, bad = decode(frame)
    assert bad == ([] if len(frame) >= 4 else [BadPart(Fault.SHORT, 0, 2)])
    assert [tick.to_kite_dict() for tick in ticks] == OFFICIAL._parse_binary(frame)
    assert [type(tick) for tick in ticks] == [KINDS[len(packet)] for packet in made]


@given(st.lists(packets(lengths=(184,)), min_size=1, max_size=12))
def test_a_frame_of_full_packets_alone_is_read_as_the_official_client_reads_it(made: list[bytes]) -> None:
    ticks, bad = decode(frame_of(*made))
    assert (bad, {type(tick) for tick in ticks}) == ([], {FullTick})
    assert [tick.to_kite_dict() for tick in ticks] == OFFICIAL._parse_binary(frame_of(*made))


def test_a_frame_that_is_only_as_long_as_full_packets_is_read_packet_by_packet() -> None:
    full = struct.pack(">I", 408065) + bytes(180)
    ticks, bad = decode(frame_of(full, full[:182], full + b"\x00\x00", full))
    assert [type(tick) for tick in ticks] == [FullTick, FullTick]
    assert [part.number for part in bad] == [182, 186]


@pytest.mark.parametrize("segment", SEGMENTS)
@pytest.mark.parametrize("length", KINDS)
def test_every_kind_in_every_segment_is_as_the_official_client_says(length: int, segment: int) -> None:
    frame = frame_of(struct.pack(f">I{length // 4 - 1}I", 5633 << 8 | segment, *range(1000, 1000 + length // 4 - 1)))
    assert [tick.to_kite_dict() for tick in decode(frame)[0]] == OFFICIAL._parse_binary(frame)


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
def test_the_official_clients_local_times_are_kept_in_any_zone_of_the_host(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        frame = frame_of(struct.pack(">I7I", 256265, *[1] * 6, 1_795_405_500))
        [tick] = decode(frame)[0]
        assert [tick.to_kite_dict()] == OFFICIAL._parse_binary(frame)
        assert tick.exchange_ts == 1_795_405_500
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_fields_of_a_full_packet_are_where_the_documentation_has_them() -> None:
    levels = b"".join(struct.pack(">IIHxx", 10 * n, 100 * n, n) for n in range(1, 11))
    head = [408065, 141295, 5, 141000, 900, 70, 80, 1, 2, 3, 4, 1_795_405_400, 11, 12, 13, 1_795_405_500]
    [tick] = decode(frame_of(struct.pack(">16I", *head) + levels))[0]
    assert isinstance(tick, FullTick)
    assert (tick.token, tick.last_price, tick.last_quantity, tick.average_price, tick.volume) == (
        408065, 1412.95, 5, 1410.0, 900,
    )  # fmt: skip
    assert (tick.buy_quantity, tick.sell_quantity, tick.oi, tick.oi_high, tick.oi_low) == (70, 80, 11, 12, 13)
    assert (tick.open, tick.high, tick.low, tick.close) == (0.01, 0.02, 0.03, 0.04)
    assert (tick.last_trade_ts, tick.exchange_ts) == (1_795_405_400, 1_795_405_500)
    assert tick.depth_block == levels
    assert tick.depth is not None
    assert tick.depth.buy == tuple((10 * n, float(n), n) for n in range(1, 6))
    assert tick.depth.sell == tuple((10 * n, float(n), n) for n in range(6, 11))


def test_an_index_has_its_prices_in_another_order_than_a_quote() -> None:
    [index] = decode(frame_of(struct.pack(">7I", 256265, 1, 2, 3, 4, 5, 6)))[0]
    [quote] = decode(frame_of(struct.pack(">11I", 408065, 0, 0, 0, 0, 0, 0, 2, 3, 4, 5)))[0]
    assert (index.high_raw, index.low_raw, index.open_raw, index.close_raw) == (2, 3, 4, 5)
    assert (quote.open_raw, quote.high_raw, quote.low_raw, quote.close_raw) == (2, 3, 4, 5)


def test_a_price_below_zero_is_below_zero() -> None:
    [tick] = decode(frame_of(struct.pack(">Ii", 0x107, -288400)))[0]
    assert tick.last_price == -2884.0


def test_one_byte_is_a_heartbeat_and_nothing_else() -> None:
    assert decode(b"\x00") == ([], [])


@pytest.mark.parametrize("frame", [b"", b"\x00\x01", b"\x00\x00\x00"])
def test_a_frame_too_short_for_a_packet_is_a_fault(frame: bytes) -> None:
    assert decode(frame) == ([], [BadPart(Fault.SHORT, 0, len(frame))])


GOOD = struct.pack(">II", 408065, 141295)


@pytest.mark.parametrize(
    ("frame", "kept", "fault", "sentence"),
    [
        (frame_of(GOOD, GOOD, count=5), 2, Fault.COUNT, "3 packets before the count"),
        (frame_of(GOOD) + b"\x00", 1, Fault.TRAILING, "1 bytes follow the last packet, from byte 12 on"),
        (frame_of(GOOD, GOOD)[:-1], 1, Fault.TRUNCATED, "the packet at byte 14 says 8 bytes, which is past the end"),
        (frame_of(GOOD, bytes(492), GOOD), 2, Fault.UNKNOWN_LENGTH, "the packet at byte 14 has 492 bytes"),
        (frame_of(b"", GOOD), 1, Fault.UNKNOWN_LENGTH, "the packet at byte 4 has 0 bytes"),
        (b"\x00\x01\xff\xff", 0, Fault.TRUNCATED, "says 65535 bytes"),
    ],
)
def test_a_bad_part_costs_only_itself_and_says_where_it_is(
    frame: bytes, kept: int, fault: Fault, sentence: str
) -> None:
    ticks, bad = decode(frame)
    assert (len(ticks), [part.fault for part in bad]) == (kept, [fault])
    assert sentence in str(bad[0])


@given(st.binary(max_size=600))
@example(b"\xff" * 8)
@example(b"\x00\xff" + bytes(600))
def test_no_bytes_raise(frame: bytes) -> None:
    ticks, bad = decode(frame)
    assert len(ticks) + len(bad) <= 65536
    frame_to_kite_json(frame)


@given(st.lists(packets(), min_size=1, max_size=6), st.data())
def test_a_frame_cut_anywhere_keeps_the_ticks_before_the_cut(made: list[bytes], data: st.DataObject) -> None:
    whole = frame_of(*made)
    cut = data.draw(st.integers(4, len(whole) - 1))
    ticks, bad = decode(whole[:cut])
    complete = [tick.to_kite_dict() for tick in decode(whole)[0]]
    assert [tick.to_kite_dict() for tick in ticks] == complete[: len(ticks)]
    assert [part.fault for part in bad] in ([Fault.COUNT], [Fault.TRUNCATED])
    ends = [2 + sum(len(packet) + 2 for packet in made[: n + 1]) for n in range(len(made))]
    assert len(ticks) == sum(end <= cut for end in ends)


def test_a_frame_of_every_kind_may_end_at_every_byte() -> None:
    whole = frame_of(*(struct.pack(f">{length // 4}I", *range(length // 4)) for length in KINDS))
    for end in range(4, len(whole)):
        ticks, bad = decode(whole[:end])
        assert (len(ticks) < len(KINDS), len(bad)) == (True, 1)


def test_the_depth_stays_the_packets_own_bytes_and_its_prices_are_signed_too() -> None:
    block = struct.pack(">IiHxx", 5, -150, 2) + bytes(108)
    [tick] = decode(frame_of(struct.pack(">I60x", 0x107) + block))[0]
    assert tick.depth_block == block
    assert tick.depth is not None
    assert tick.depth.buy[0] == (5, -1.5, 2)


def test_json_lines_have_the_official_names_and_bad_parts_a_sentence() -> None:
    full = struct.pack(">16I", 408065, *[1] * 10, 1_795_405_400, 1, 1, 1, 1_795_405_500) + bytes(120)
    frame = frame_of(full, b"???", GOOD)
    lines, sentences = frame_to_kite_json(frame)
    told: list[dict[str, Any]] = [orjson.loads(line) for line in lines]
    official = OFFICIAL._parse_binary(frame_of(full, GOOD))
    assert told[0].keys() == official[0].keys()
    assert datetime.fromisoformat(told[0].pop("exchange_timestamp")) == official[0].pop("exchange_timestamp")
    assert datetime.fromisoformat(told[0].pop("last_trade_time")) == official[0].pop("last_trade_time")
    assert told == official
    assert sentences == ["the packet at byte 190 has 3 bytes; Kite's have 8, 28, 32, 44 or 184"]


def test_a_heartbeat_is_no_line_and_no_complaint() -> None:
    assert frame_to_kite_json(b"\x00") == ([], [])
