"""What an instrument's number is called, from the broker's kept dump; the number itself where the dump has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from sys import intern
from typing import Final, NamedTuple

import orjson

from tradewarden.feed.tick import INDICES

FILE: Final = "instruments.json"  # in the state directory
_SCALES: Final = {3: 7, 6: 4}  # by the low byte of Kite's token: currencies of NSE and of BSE; the others' is 2
_TRADED: Final = {"FUT": "-FUT", "CE": "-OPT", "PE": "-OPT"}


class Name(NamedTuple):
    """An instrument as people call it; a price of its records is `raw / 10**scale`."""

    exchange: str  # empty when no dump knows the instrument
    symbol: str
    segment: str  # NSE, INDICES, NFO-FUT, NFO-OPT, ...
    scale: int

    @property
    def key(self) -> str:
        """How people write it: NSE:INFY; the number of one that no dump knows."""
        return f"{self.exchange}:{self.symbol}" if self.exchange else self.symbol


class Names:
    """The names of one desk; `of` is a look into a dictionary, `refresh` a look at the file's date."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._known: dict[int, Name] = {}
        self.version = 0  # grows with each change, so that what was made from a name can be made anew
        self.refresh()

    def of(self, instrument: int) -> Name:
        """What this instrument is called."""
        return self._known.get(instrument) or self._nameless(instrument)

    def is_stale(self) -> bool:
        """Whether the file has changed since it was read."""
        return self._status() not in (None, self._seen)

    def refresh(self) -> bool:
        """Read the file again if it has changed; whether it had. One that cannot be read leaves what was known."""
        seen = self._status()
        if seen in (None, self._seen):
            return False
        self._seen = seen
        try:
            self._known = dict(_read(orjson.loads(self._path.read_bytes())))
        except (OSError, ValueError):  # being replaced, or no dump: whoever keeps it tells of its troubles
            return False
        self.version += 1
        return True

    def _status(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:  # none yet
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

    def _nameless(self, instrument: int) -> Name:
        """Remembered too, so that each number is made into text once."""
        segment = "INDICES" if instrument & 0xFF == INDICES else ""
        name = self._known[instrument] = Name("", str(instrument), segment, scale_of(instrument))
        return name


def scale_of(instrument: int) -> int:
    """How many decimals the prices of this instrument have."""
    return _SCALES.get(instrument & 0xFF, 2)


def _read(kept: object) -> Iterator[tuple[int, Name]]:
    match kept:
        case {"instruments": list(rows)}:
            for row in rows:
                match row:
                    case [int(token), str(exchange), str(symbol), _, str(kind), *_]:
                        yield token, Name(intern(exchange), symbol, _segment(token, exchange, kind), scale_of(token))
                    case _:
                        raise ValueError(f"{row!r} is no instrument")
        case _:
            raise ValueError("it is no dump of instruments")


def _segment(token: int, exchange: str, kind: str) -> str:
    if token & 0xFF == INDICES:
        return "INDICES"
    return intern(f"{exchange}{_TRADED.get(kind, '')}")
