"""Sealed ticks: what the journal has becomes Parquet, by a process that lives as long as that takes.

The daemon loads neither pyarrow nor duckdb for it. There is no connection, and no batch is handed over: this is no
`Sink` that somebody writes to. orchestrator/seal.py says when, and this says what became of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tradewarden.feed import cursor, names
from tradewarden.feed.child import ChildError, Ended, ask
from tradewarden.feed.segment import Hole
from tradewarden.feed.sinks.parquet_files import FOLDER, kept
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError, Stored

NAME: Final = "parquet"
MODULE: Final = "tradewarden.feed.sinks.parquet_seal"
WORK: Final = 30.0  # seconds for which one process begins new pieces
PATIENCE: Final = 120.0  # seconds until it is killed


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one process brought to safety."""

    position: int
    records: int
    bytes: int
    files: int
    holes: tuple[Hole, ...] = ()  # what the journal cannot show any more


class Parquet:
    """The sealed ticks of one desk."""

    def __init__(self, state_dir: Path, journal: Path, *, patience: float = PATIENCE) -> None:
        self.ticks = state_dir / FOLDER
        self._journal = journal
        self._names = state_dir / names.FILE
        self._patience = patience
        self.position = cursor.load(journal, NAME) or 0  # the number of the last sealed record

    def safe(self, first_seq: int, last_seq: int) -> bool:
        """Whether these records are in files that are on the disk, so that the journal may let go of them."""
        return first_seq <= last_seq <= self.position

    async def seal(self, until: int) -> Sealed:
        """Seal up to this number, or as far as half a minute leads; raises the two errors of a sink."""
        request = {
            "journal": str(self._journal),
            "ticks": str(self.ticks),
            "names": str(self._names),
            "until": until,
            "seconds": min(WORK, self._patience / 2),
            "deadline": self._patience + 1,
        }
        try:
            ended = await ask(MODULE, request, self._patience)
        except ChildError as error:
            raise SinkUnavailableError(f"the process that seals: {error}") from None
        finally:
            self.position = max(self.position, cursor.load(self._journal, NAME) or 0)
        return _read(ended)

    def tables(self) -> list[Stored]:
        """What lies there; the rows are not counted, since every file would have to be opened for it."""
        return [Stored(FOLDER, None, kept(self.ticks).bytes)]


def is_installed() -> bool:
    """Whether the extra is there, without loading it."""
    return find_spec("pyarrow") is not None


def _read(ended: Ended) -> Sealed:
    told: list[dict[str, Any]] = [json.loads(line) for line in ended.said.splitlines()]
    for each in told:
        if "misfit" in each:
            raise SinkMisfitError(each["misfit"])
        if "trouble" in each:
            raise SinkUnavailableError(each["trouble"])
    if ended.status or not told:
        last = ended.complained.decode(errors="replace").strip().rpartition("\n")[2]
        raise SinkUnavailableError(f"the process that seals ended with status {ended.status}: {last or 'no word'}")
    return Sealed(
        position=told[-1]["position"],
        records=sum(each.get("records", 0) for each in told),
        bytes=sum(each.get("bytes", 0) for each in told),
        files=sum(each.get("files", 0) for each in told),
        holes=tuple(Hole(**hole) for each in told for hole in each.get("holes", ())),
    )
