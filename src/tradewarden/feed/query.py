"""Answers one question in SQL about the recorded ticks, in a process of its own: `python -m tradewarden.feed.query`.

It takes one JSON object on its standard input and says one on its output. DuckDB may read the sealed ticks and nothing
else, write nothing, change no setting and use so much memory; the kernel sees to the same (confine.py), since whoever
may ask is not meant to become the daemon's user.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from tradewarden.feed import cursor
from tradewarden.feed.confine import confine, limit, step_back
from tradewarden.feed.names import Names
from tradewarden.feed.query_views import ZONE, statements, text
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.sinks.parquet_files import days, files

UNSEALED: Final = 300_000  # records of the journal that are read along: about one segment, half a second
NICE: Final = 5
SPARE: Final = 1 << 30  # bytes of memory besides what DuckDB may use: the unsealed ticks, the answer, this program
BATCH: Final = 1000
# What DuckDB looks at to learn how many cores and how much memory there are; it ends the process when it may not.
MACHINE: Final = ("/sys/devices/system/cpu", "/sys/fs/cgroup", "/proc/self/cgroup", "/proc/stat", "/proc/meminfo")
SANDBOX: Final = (
    "SET temp_directory = ''",
    "SET parquet_metadata_cache = true",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    f"SET TimeZone = '{ZONE}'",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked, about which ticks, and what the answer may cost."""

    sql: str
    ticks: Path
    journal: Path
    names: Path
    rows: int  # at most
    bytes: int  # of the answer, about
    seconds: float
    memory_mb: int
    threads: int


class RefusedError(Exception):
    """The question is none that is answered here; the text says why and what to do."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def answer(question: Question) -> dict[str, Any]:
    """The whole answer; raises RefusedError, and whatever DuckDB raises."""
    begun = time.monotonic()
    with Ticks(question) as ticks:
        columns, rows, is_cut = ticks.ask(question.sql)
        return {
            "columns": columns,
            "rows": rows,
            "truncated": is_cut,
            "seen": {"seq": ticks.last_seq, "missing": ticks.missing},
            "seconds": round(time.monotonic() - begun, 3),
        }


class Ticks:
    """A connection to the sealed ticks, and to those in the journal that are not sealed yet."""

    def __init__(self, question: Question) -> None:
        import duckdb  # noqa: PLC0415 - told in `main` when it is missing

        self._question = question
        self._duckdb = duckdb
        self.last_seq = position = cursor.load(question.journal, "parquet") or 0
        # A file behind the cursor is one that is being written again: its ticks come from the journal.
        found = (path for _, day in days(question.ticks) for path in files(day) if int(path.stem) <= position)
        sealed = sorted(found, key=lambda path: path.stem)
        fresh = self._unsealed(position)
        self.missing = max(0, tail(question.journal) - self.last_seq)  # ticks that are not seen
        self._db = duckdb.connect(":memory:")
        for statement in SANDBOX:
            self._db.execute(statement)
        self._db.execute(f"SET memory_limit = '{question.memory_mb}MB'")
        self._db.execute(f"SET threads = {question.threads}")
        if fresh is not None or not sealed:
            self._db.register("unsealed", self._nothing() if fresh is None else fresh)
        for statement in statements(sealed, unsealed=None if fresh is None and sealed else "unsealed"):
            self._db.execute(statement)
        self._db.execute(f"SET allowed_directories = [{text(str(question.ticks))}]")
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def ask(self, sql: str) -> tuple[list[dict[str, str]], list[list[Any]], bool]:
        """The columns, the rows, and whether there were more."""
        asked = self._db.extract_statements(sql)
        if len(asked) != 1:
            raise RefusedError("refused", f"one question at a time: this is {len(asked)} statements.")
        if asked[0].type is not self._duckdb.StatementType.SELECT:
            raise RefusedError(
                "refused", f"{asked[0].type.name} is not possible here: ticks are only read. Begin with SELECT or FROM."
            )
        relation = self._db.sql(sql)
        columns = [
            {"name": name, "type": str(kind)} for name, kind in zip(relation.columns, relation.types, strict=True)
        ]
        rows: list[list[Any]] = []
        size = 0
        for batch in relation.to_arrow_reader(BATCH):
            for row in _rows(batch):
                size += sum(len(cell) if isinstance(cell, str) else 8 for cell in row)
                if len(rows) == self._question.rows or size > self._question.bytes:
                    return columns, rows, True
                rows.append(row)
        return columns, rows, False

    def _unsealed(self, position: int) -> Any:
        from tradewarden.feed.sinks.parquet_table import table  # noqa: PLC0415 - as above

        reader = Reader(self._question.journal, after=position)
        try:
            frames = reader.read(UNSEALED)
        finally:
            reader.close()
        if not frames:
            return None
        self.last_seq = frames[-1].last_seq
        return table(frames, Names(self._question.names))

    def _nothing(self) -> Any:
        from tradewarden.feed.sinks.parquet_table import table  # noqa: PLC0415 - as above

        return table([], Names(self._question.names))


def _rows(batch: Any) -> Iterator[list[Any]]:
    from tradewarden.feed.query_cells import plain  # noqa: PLC0415 - as above

    return map(list, zip(*(plain(column) for column in batch.columns), strict=True))


def main() -> int:
    """Answer what standard input asks; the exit status is 0 unless there is no answer, and then why is told."""
    asked = json.load(sys.stdin)
    paths = {name: Path(asked[name]) for name in ("ticks", "journal", "names")}
    question = Question(**(asked | paths))
    step_back(NICE)
    limit(seconds=question.seconds, memory=(question.memory_mb << 20) + SPARE)
    try:
        _load()
        confine([*paths.values(), *map(Path, (*sys.path, sys.base_prefix, *MACHINE))])
        return _say(answer(question))
    except Exception as trouble:  # noqa: BLE001 - every end of this process is told; the parent decides what it means
        kind, why = _what(trouble, question)
        return _say({"error": kind, "text": why}, status=1)


def _load() -> None:
    """Everything that is needed, before files are out of reach."""
    import duckdb  # noqa: F401, PLC0415 - told in `main` when it is missing

    from tradewarden.feed import query_cells  # noqa: F401, PLC0415 - as above
    from tradewarden.feed.sinks import parquet_table  # noqa: F401, PLC0415 - as above


def _what(trouble: Exception, question: Question) -> tuple[str, str]:
    name = type(trouble).__name__  # DuckDB's classes are not at hand where it is missing
    if isinstance(trouble, RefusedError):
        return trouble.kind, str(trouble)
    if isinstance(trouble, ModuleNotFoundError):
        return "missing", f"questions need the package {trouble.name}: pip install 'tradewarden[parquet]'."
    if isinstance(trouble, MemoryError) or name == "OutOfMemoryException":
        return "memory", _too_much(question)
    if isinstance(trouble, OSError):
        return "unavailable", f"{trouble.filename}: {trouble.strerror}; is this the user that the daemon runs as?"
    if name in ("IOException", "InvalidInputException") and str(question.ticks) in str(trouble):
        return "unavailable", f"a file has just gone, or cannot be read: {_short(trouble)}"
    return "sql", _short(trouble)


def _too_much(question: Question) -> str:
    return (
        f"the answer needs more than {question.memory_mb} MB: name a date and an instrument, or sum up before sorting."
    )


def _short(trouble: Exception) -> str:
    return str(trouble).strip() or type(trouble).__name__


def _say(told: dict[str, Any], status: int = 0) -> int:
    sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS, default=str))
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
