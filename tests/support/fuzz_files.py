"""Files that others may write, or that may be damaged: each target writes the bytes to a file and has it read."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path

from fuzz_targets import NESTED, TICKS, Target, made_frame, resealed, use_frames
from tradewarden.feed import cursor
from tradewarden.feed.names import Names
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.segment import SUFFIX, file_header, file_name
from tradewarden.machines.auth import Token
from tradewarden.machines.dump import Dump, to_row
from tradewarden.machines.instruments import Instrument
from tradewarden.orchestrator.dump_file import DumpFile
from tradewarden.orchestrator.override_file import read_overrides
from tradewarden.orchestrator.token_file import UnusableFileError, export, read_own, read_watched
from tradewarden.settings import load
from tradewarden.settings_sources import ConfigError
from tradewarden.simulator.replay import Recording, ReplayError

MOMENT = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)
FRAMES = 3


def _kept(name: str, read: Callable[[Path], None]) -> Callable[[bytes], None]:
    """Write the bytes under this name, and read them."""
    folder: list[Path] = []

    def one(data: bytes) -> None:
        if not folder:
            folder.append(Path(tempfile.mkdtemp(prefix="tradewarden-fuzz-")))
            atexit.register(shutil.rmtree, folder[0], ignore_errors=True)
        path = folder[0] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        read(path)

    return one


# Tokens


def _tokens() -> Iterator[bytes]:
    yield b"abcdefghijklmnopqrstuvwxyz012345\n"
    yield b"# the desk's\nKITE_API_KEY=key\nexport KITE_ACCESS_TOKEN='abcdef0123456789'\nOTHER=\"a\\nb\"\n"
    own = {
        "access_token": "abcdef0123456789",
        "generation": 7,
        "minted_at": MOMENT.isoformat(),
        "user_id": "AB1234",
        "earlier": {"0" * 64: {"generation": 6, "minted_at": MOMENT.isoformat()}},
    }
    yield json.dumps(own).encode()
    yield b'{"access_token": ' + NESTED


def _read_token(path: Path) -> None:
    for read in (read_own, read_watched):
        with suppress(UnusableFileError):
            read(path)
    with suppress(UnusableFileError):
        token = Token("fedcba9876543210", 8, MOMENT, "AB1234")
        export(path, token)
        assert read_watched(path).value == token.value, "what was exported is not what is read"


# Settings


def _settings() -> Iterator[bytes]:
    yield (Path(__file__).parents[2] / "deploy" / "tradewarden.toml").read_bytes()
    yield b"""segments = ["NSE_EQ"]
[kite]
api_key = "k"
api_secret = "s"
user_id = "AB1234"
[feed.instruments]
full = [408065]
[http]
port = 8700
[accounts.family]
api_key = "k2"
api_secret = "s2"
user_id = "CD5678"
[journal]
record = true
[sinks.sqlite]
"""
    yield b"a = " + NESTED


def _read_settings(path: Path) -> None:
    with suppress(ConfigError):
        settings = load(path, known_segments={"NSE_EQ", "NFO"})
        list(settings.warnings())
        repr(settings)


# The daemon's own files


def _state() -> Iterator[bytes]:
    order = {
        "segment": "NSE_EQ",
        "since": MOMENT.isoformat(),
        "until": MOMENT.replace(hour=9).isoformat(),
        "reason": "why",
        "state": "closed",
        "expect": None,
    }
    yield json.dumps({"overrides": [order]}).encode()
    infy = Instrument(408065, "NSE", "INFY", "INFOSYS", "EQ", None, 0.0)
    kept = {
        "version": 1,
        "day": "2026-11-23",
        "fetched_at": MOMENT.isoformat(),
        "lines": {"NSE": 1},
        "late": None,
        "instruments": [to_row(infy)],
    }
    yield json.dumps(kept).encode()
    yield b'{"seq": 12, "at": "2026-11-23T10:00:00.000+00:00"}'
    yield NESTED


def _read_state(path: Path) -> None:
    for override in read_overrides(path).values():
        assert override.until > override.since
    dump = DumpFile(path).load()
    if dump is not None:
        DumpFile(path.with_name("again.json")).save(Dump(dump.day, dump.fetched_at, dump.lines, dump.instruments))
    names = Names(path)
    assert names.of(408065).symbol is not None
    seq = cursor.load(path.parent.parent, path.stem)
    assert seq is None or seq >= 0


# The journal


def _segments() -> Iterator[bytes]:
    header = file_header(1, 1_795_400_000_000_000_000)
    written = b"".join(made_frame(1 + nth * len(TICKS)) for nth in range(FRAMES))
    yield header + written
    yield header + written[:-9]
    yield header
    yield b""


def _read_journal(path: Path) -> None:
    data = path.read_bytes()
    for sealed in (data, resealed(data)):
        path.write_bytes(sealed)
        assert tail(path.parent) >= 0
        reader = Reader(path.parent, after=0)
        try:
            last = 0
            while found := reader.read(1000):
                use_frames(found)
                assert found[0].first_seq > last, "numbers go back"
                last = found[-1].last_seq
            assert reader.position >= last
        finally:
            reader.close()


# A recorded day for the simulator


def _recordings() -> Iterator[bytes]:
    yield b"time,token,price,volume\n09:15:00,408065,1544.5,10\n09:15:01,408065,1545,12\n"
    yield b"time,open,high,low,close,volume\n2026-11-23 09:15,1,2,0.5,1.5,100\n2026-11-23 09:16,1,2,0.5,1.5,100\n"
    yield b"timestamp,symbol,price\n1795400000,INFY,1544.5\n1795400000.5,INFY,1544.6\n"


def _read_recording(path: Path) -> None:
    with suppress(ReplayError):
        Recording.from_csv(path)
        Recording.from_csv(path, day=date(2026, 11, 23))


def _target(
    name: str, file: str, seeds: Callable[[], Iterable[bytes]], read: Callable[[Path], None], *words: bytes
) -> Target:
    return Target(name, seeds, _kept(file, read), words)


FILES = [
    _target(
        "token",
        "desk.env",
        _tokens,
        _read_token,
        b"KITE_ACCESS_TOKEN",
        b"=",
        b"'",
        b'"',
        b"export ",
        b"\\\n",
        b"\xef\xbb\xbf",
    ),
    _target(
        "settings",
        "tradewarden.toml",
        _settings,
        _read_settings,
        b"[sinks.",
        b"[kite]\n",
        b"[accounts.",
        b"= true\n",
        b"'''",
        b"1e999",
        b"nan",
    ),
    _target(
        "state",
        "journal/cursors/redis.json",
        _state,
        _read_state,
        b'"overrides"',
        b'"seq"',
        b"9999-12-31T23:59:59+23:59",
        b"null",
    ),
    _target("journal", f"journal/{file_name(1)}", _segments, _read_journal, SUFFIX.encode(), bytes(32)),
    _target(
        "recording",
        "INFY_2026.csv",
        _recordings,
        _read_recording,
        b"inf",
        b"nan",
        b"1e308",
        b"9999-12-31",
        b"+23:59",
        b'"',
    ),
]
