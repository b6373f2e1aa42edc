"""Has a question about the recorded ticks answered by a process of its own, within its time."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from tradewarden.feed import names
from tradewarden.feed.child import ChildError, Ended, ask
from tradewarden.feed.sinks.parquet_files import FOLDER

MODULE: Final = "tradewarden.feed.query"
MEMORY_MB: Final = 512
STARTING: Final = 10.0  # seconds besides the question's own: loading DuckDB, reading what is not sealed
OVER_TIME: Final = (-signal.SIGXCPU, -signal.SIGALRM, -signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a question."""

    columns: list[dict[str, str]]  # name and type
    rows: list[list[Any]]
    truncated: bool  # there were more rows
    last_seq: int  # ticks are seen up to this number
    missing: int  # ticks that are recorded and were not seen
    seconds: float

    def document(self) -> dict[str, Any]:
        """The answer as JSON has it."""
        return {
            "columns": self.columns,
            "rows": self.rows,
            "truncated": self.truncated,
            "lastSeq": self.last_seq,
            "missing": self.missing,
            "seconds": self.seconds,
        }


class QueryError(Exception):
    """There is no answer: the question is to blame (sql, refused, memory, deadline), or we are (missing, failed)."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind

    @property
    def is_the_question(self) -> bool:
        """Whether another question would help."""
        return self.kind in ("sql", "refused", "memory", "deadline")


class Questions:
    """Answers questions about the ticks of one state directory."""

    def __init__(self, state_dir: Path, journal: Path, *, seconds: float, most_bytes: int) -> None:
        state = state_dir.absolute()
        self._places = {"ticks": state / FOLDER, "journal": journal.absolute(), "names": state / names.FILE}
        self._seconds = seconds
        self._most_bytes = most_bytes

    async def answer(self, sql: str, *, rows: int) -> Answer:
        """The answer, cut off behind so many rows; raises QueryError."""
        request = {
            **{name: str(path) for name, path in self._places.items()},
            "sql": sql,
            "rows": rows,
            "bytes": self._most_bytes,
            "seconds": self._seconds,
            "memory_mb": MEMORY_MB,
            "threads": min(2, os.cpu_count() or 1),
        }
        try:
            ended = await ask(MODULE, request, self._seconds + STARTING)
        except ChildError as error:
            raise (self._late() if error.is_late else QueryError("failed", str(error))) from None
        return self._read(ended)

    def _read(self, ended: Ended) -> Answer:
        try:
            told = orjson.loads(ended.said)
        except orjson.JSONDecodeError:
            raise self._late() if ended.status in OVER_TIME else _broken(ended) from None
        match told:
            case {"error": str(kind), "text": str(text)}:
                raise QueryError(kind, text)
            case {"columns": columns, "rows": rows, "truncated": cut, "seen": seen, "seconds": seconds}:
                return Answer(
                    columns=columns,
                    rows=rows,
                    truncated=cut,
                    last_seq=seen["seq"],
                    missing=seen["missing"],
                    seconds=seconds,
                )
            case _:
                raise _broken(ended)

    def _late(self) -> QueryError:
        return QueryError(
            "deadline", f"no answer within {self._seconds:g} s: name a date and an instrument, or ask for less."
        )


def _broken(ended: Ended) -> QueryError:
    last = ended.complained.decode(errors="replace").strip().rpartition("\n")[2][:200]
    return QueryError("failed", f"the process that answers ended with status {ended.status}: {last or 'no word'}")
