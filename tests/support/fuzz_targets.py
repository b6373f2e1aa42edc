"""Whatever takes bytes from outside, each as one function of bytes that raises only when it has a fault of its own.

A target names what is read, gives inputs that begin well (made here, by our own code), and reads: what the reader is
allowed to say of bad input is swallowed here, everything else is a finding. So is an answer that contradicts itself.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any, cast

import orjson

from tradewarden.feed import bus
from tradewarden.feed.brokers import kite_dump
from tradewarden.feed.brokers.decoder import decode, frame_to_kite_json
from tradewarden.feed.record import SIZE, Frame, Mark, pack, rows
from tradewarden.feed.segment import FRAME_COVERED, FRAME_HEADER, FRAME_MAGIC, frame_header
from tradewarden.feed.tick import FullTick, IndexFullTick, LtpTick, QuoteTick
from tradewarden.machines import calendar_file, rule_file
from tradewarden.machines.calendar_table import CalendarError
from tradewarden.machines.dump import DumpError, Sieve, from_row, to_row
from tradewarden.machines.instruments import Listing, Needs, most, needs, resolve
from tradewarden.machines.rule_file import RuleError
from tradewarden.rehearse_script import ScriptError, read_script
from tradewarden.simulator.packets import Mode, frames, packet
from tradewarden.simulator.prices import Board

MOMENT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
NIFTY = 256265
NESTED = b"[" * 3000
SHIPPED = resources.files("tradewarden.machines")
EXAMPLES = Path(__file__).parents[1] / "days"


@dataclass(frozen=True, slots=True)
class Target:
    """One reader: its name, inputs to begin with, and the reading."""

    name: str
    seeds: Callable[[], Iterable[bytes]]
    read: Callable[[bytes], None]
    words: tuple[bytes, ...] = field(default=())  # what its language is made of


# The stream


def _frames() -> Iterator[bytes]:
    board = Board(MOMENT.date(), seed=5)
    tokens = [738561, 408065, NIFTY, 0x120003, 0x120006, 0x12000C]
    for mode in Mode:
        yield from frames([packet(board.quote(token, MOMENT), mode) for token in tokens])
    yield from frames([packet(board.quote(token, MOMENT), Mode.FULL) for token in tokens if token != NIFTY] * 2)
    yield b"\x00"
    yield b""


def _decode(data: bytes) -> None:
    ticks, bad = decode(data)
    for tick in ticks:
        told = tick.to_kite_dict()
        assert told["instrument_token"] == tick.token
        assert tick.depth is None or len(tick.depth.buy) == len(tick.depth.sell)
        assert tick.change is None or isinstance(tick.change, float | int)
        pack(tick)
    lines, faults = frame_to_kite_json(data)
    assert (len(lines), len(faults)) == (len(ticks), len(bad))


# Instruments

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,"
    "instrument_type,segment,exchange"
)


def _dump_text() -> str:
    lines = [
        HEADER,
        '408065,1594,INFY,"INFOSYS, LTD",0,,0,0.05,1,EQ,NSE,NSE',
        "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE",
        "11001,43,NIFTY26NOVFUT,NIFTY,0,2026-11-24,0,0.05,75,FUT,NFO-FUT,NFO",
    ]
    for nth, strike in enumerate(range(24000, 24500, 50)):
        kind = "CE" if nth % 2 else "PE"
        lines.append(
            f"{20001 + nth},78,NIFTY26NOV{strike}{kind},NIFTY,0,2026-11-24,{strike},0.05,75,{kind},NFO-OPT,NFO"
        )
    return "\n".join(lines) + "\n"


def _dumps() -> Iterator[bytes]:
    text = _dump_text().encode()
    yield text
    yield text.replace(b"\n", b"\r\n")
    yield gzip.compress(text, mtime=0)
    yield text[:-7]


RULES = rule_file.parse({"rules": (SHIPPED / "rules" / "original-128.toml").read_text()})
NEEDS = Needs(frozenset({("NFO", "NIFTY")}), frozenset({"NSE:INFY", "NSE:NIFTY 50"}), frozenset({256265}))


@dataclass
class _Arrived:
    """What stands where requests' raw response would."""

    data: bytes

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        del decode_content
        yield from (self.data[start : start + amount] for start in range(0, len(self.data), amount))


@dataclass
class _Response:
    """As much of a response as the reader of a dump looks at."""

    raw: _Arrived
    headers: dict[str, str]


def _read_dump(data: bytes) -> None:
    encoding = {"Content-Encoding": "gzip"} if data[:2] == b"\x1f\x8b" else {}
    sieve = Sieve(NEEDS, {"NFO": 3})
    day = date(2026, 11, 23)
    try:
        sieve.read("NFO", kite_dump._lines(cast("Any", _Response(_Arrived(data), encoding))))
    except DumpError:
        return
    sieve.late(day)
    kept = sieve.finish(day)
    assert [from_row(orjson.loads(orjson.dumps(to_row(each)))) for each in kept] == list(kept)
    resolve(RULES, Listing(kept, day), today=day, prices={256265: 24210.0})


def _rules_text() -> Iterator[bytes]:
    for file in (SHIPPED / "rules").iterdir():
        if file.name.endswith(".toml"):
            yield file.read_bytes()
    yield (rule_file.__doc__ or "").partition("\n\n")[2].encode()
    yield b"[[rules]]\nname = 'a'\nmode = 'full'\ntokens = [1, 2]\n"
    yield b"a = " + NESTED


def _read_rules(data: bytes) -> None:
    with suppress(RuleError, UnicodeDecodeError):
        rules = rule_file.parse({"a file": data.decode()})
        assert most(rules) >= 0
        resolve(rules, Listing((), date(2026, 11, 23)), today=date(2026, 11, 23), prices={})
        needs(rules)


# Calendars


def _calendars() -> Iterator[bytes]:
    for file in (SHIPPED / "calendars").iterdir():
        if file.name.endswith(".toml"):
            yield file.read_bytes()
    yield b"a = " + NESTED


def _read_calendar(data: bytes) -> None:
    try:
        calendar = calendar_file.parse({"a file": data.decode("utf-8-sig")})
    except (CalendarError, UnicodeDecodeError):
        return
    for segment in sorted(calendar.segments)[:3]:
        for moment in (MOMENT, MOMENT + timedelta(days=400), datetime(1999, 12, 31, 23, 59, tzinfo=UTC)):
            assert calendar.at(segment, moment).state
            calendar.next_change(segment, moment)
            calendar.problem(segment, moment)
            calendar.wanted([segment], moment)
            assert calendar.spans(segment, moment.date())


# Rehearsals


def _scripts() -> Iterator[bytes]:
    for name in ("fault_01_never_verified", "holiday_announced_overnight", "clock_jump", "throttled"):
        yield (EXAMPLES / f"{name}.jsonl").read_bytes()
    yield NESTED


def _read_script(data: bytes) -> None:
    with suppress(ScriptError, UnicodeDecodeError):
        read_script(data.decode("utf-8-sig").split("\n"), segments=frozenset({"NSE_EQ", "NFO"}))


# What travels between our own processes, and the words of servers

TICKS = (
    FullTick(408065, 154450, volume=7, exchange_ts=1795400000, last_trade_ts=1795399999),
    QuoteTick(738561, 154600, volume=7),
    IndexFullTick(NIFTY, 2430010, exchange_ts=1795400000),
    LtpTick(2953217, 351200),
)


def made_frame(first_seq: int) -> bytes:
    """A frame of the journal and of the bus, with its crc."""
    records = b"".join(pack(tick, Mark.PRICE) for tick in TICKS)
    return frame_header(records, len(TICKS), first_seq, 1_795_400_000_000_000_000) + records


def _messages() -> Iterator[bytes]:
    yield made_frame(1)
    yield made_frame(1) + made_frame(1 + len(TICKS))
    yield b""


def resealed(data: bytes) -> bytes:
    """The same bytes with each frame's crc put right: so that lies with a seal are tried as well."""
    mended, at = bytearray(data), data.find(FRAME_MAGIC)
    while 0 <= at <= len(data) - FRAME_HEADER.size:
        _, _, length, *_ = FRAME_HEADER.unpack_from(data, at)
        covered = bytes(mended[at + FRAME_COVERED : at + FRAME_HEADER.size + length])
        mended[at + 4 : at + 8] = zlib.crc32(covered).to_bytes(4, "little")
        at = data.find(FRAME_MAGIC, at + FRAME_HEADER.size)
    return bytes(mended)


def _read_message(data: bytes) -> None:
    for sealed in (data, resealed(data)):
        with suppress(bus.BusError):
            use_frames(bus.frames(sealed))


def use_frames(found: list[Frame]) -> None:
    """Read everything in them."""
    for frame in found:
        assert len(frame.records) == frame.count * SIZE
        for row in rows([frame]):
            assert row.instrument >= 0
        for tick in bus.received(frame):
            tick.to_kite_dict()
    assert sum(frame.count for group in bus.parcels(found) for frame in group) == sum(f.count for f in found)


TARGETS = [
    Target("decoder", _frames, _decode),
    Target(
        "dump", _dumps, _read_dump, (b"NFO", b"CE", b"PE", b"FUT", b"2026-11-24", b"\r\n", b'"', b",,", b"nan", b"1e9")
    ),
    Target(
        "rules", _rules_text, _read_rules, (b"[[rules]]\n", b"name", b"mode", b"futures", b"options", b"spot", b"'''")
    ),
    Target(
        "calendar",
        _calendars,
        _read_calendar,
        (b"[[segments]]\n", b"[[rules]]\n", b"phases", b"dates", b'"""', b"{", b"24:00"),
    ),
    Target(
        "script", _scripts, _read_script, (b'{"at":', b'"start"', b'"expect"', b'"do"', b"NaN", b"\\ud800", b"1e999")
    ),
    Target("message", _messages, _read_message, (FRAME_MAGIC,)),
]
