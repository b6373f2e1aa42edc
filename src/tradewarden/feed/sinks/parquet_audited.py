"""The sealed ticks read back, by a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import Struct
from typing import Any, Final

from tradewarden.feed import cursor
from tradewarden.feed.child import ChildError, ask
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.parquet import NAME, is_installed
from tradewarden.feed.sinks.parquet_files import FOLDER, days, files
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.machines.audit import Fingerprint

MODULE: Final = "tradewarden.feed.sinks.parquet_held"
PATIENCE: Final = 50.0  # seconds for one portion
_ROW: Final = Struct("<5q")  # see parquet_held.py


class ParquetAudited:
    """The files of one desk."""

    portion = 500_000
    newest_only = False
    in_time = False  # a segment is sealed when it is full
    note: str | None = None

    def __init__(self, *, state_dir: Path, **_others: Any) -> None:
        self._ticks, self._journal = state_dir / FOLDER, state_dir / "journal"

    async def open(self) -> None:
        """See that the extra is there."""
        if not is_installed():
            raise SinkMisfitError("the package pyarrow is missing: pip install 'tradewarden[parquet]'.")

    async def position(self) -> int:
        """The number of the last sealed record."""
        return cursor.load(self._journal, NAME) or 0

    async def kept_from(self) -> int:
        """The first number of the oldest file."""
        return min((int(path.stem) for _, day in days(self._ticks) for path in files(day)), default=0)

    async def held(self, frames: Sequence[Frame]) -> list[tuple[int, Fingerprint]]:
        """The rows with these numbers."""
        request = {"ticks": str(self._ticks), "first": frames[0].first_seq, "last": frames[-1].last_seq}
        try:
            ended = await ask(MODULE, request, PATIENCE)
        except ChildError as trouble:
            raise SinkUnavailableError(f"the process that reads Parquet: {trouble}") from None
        if ended.status:
            words = ended.complained.decode(errors="replace").strip().rpartition("\n")[2]
            raise SinkUnavailableError(f"the process that reads Parquet ended with status {ended.status}: {words}")
        return [
            (seq, Fingerprint(instrument, received, price, None if volume < 0 else volume))
            for seq, instrument, received, price, volume in _ROW.iter_unpack(ended.said)
        ]

    async def close(self) -> None:
        """Nothing is held open."""
