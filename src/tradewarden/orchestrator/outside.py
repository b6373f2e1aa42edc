"""The file as the daemon began with it: which settings besides the services differ now, and so wait for a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

_RELOADED: Final = "services"
_OF_JOBS: Final = frozenset({"jobs.edits"})  # what a job says unless its table does: told with the job


class Outside:
    """Remembers a configuration file; only names of settings ever leave it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._began_with = _read(file)

    def changed(self) -> tuple[str, ...]:
        """The settings outside `[services]` that the file has otherwise than when the daemon began: http.port."""
        now = _read(self._file)
        if now == self._began_with:
            return ()
        before, after = dict(_flat(self._began_with)), dict(_flat(now))
        names = (before.keys() | after.keys()) - _OF_JOBS
        return tuple(sorted(name for name in names if before.get(name) != after.get(name)))


def _read(file: Path | None) -> bytes:
    try:
        return b"" if file is None else file.read_bytes()
    except OSError:
        return b""  # whoever reads the services says so


def _flat(text: bytes) -> Iterator[tuple[str, Any]]:
    import tomllib  # noqa: PLC0415 - memory for what happens seldom

    try:
        told = tomllib.loads(text.decode())
    except ValueError:
        return  # whoever reads the services says so
    told.pop(_RELOADED, None)
    yield from _named("", told)


def _named(place: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _named(f"{place}{key}.", value)
        else:
            yield f"{place}{key}", value
