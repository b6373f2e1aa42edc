"""Reads the calendar's files: those shipped with tradewarden, then the desk's own on top of them."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.calendar_file import CalendarError, parse

__all__ = ["CalendarError", "load_calendar", "own_files"]

SHIPPED = resources.files("tradewarden.machines") / "calendars"
OWN = "calendar.d"  # in the state directory
LARGEST = 1024 * 1024  # bytes: a hundred years of holidays are smaller


def load_calendar(state_dir: Path | None = None, *, instead: Mapping[Path, str] | None = None) -> Calendar:
    """The shipped calendar with the desk's own files over it, in the order of their names.

    `instead` holds texts that are read as if they lay among the desk's own. Raises CalendarError.
    """
    shipped = sorted((file for file in SHIPPED.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    texts = {str(file): _read(file) for file in shipped}
    given = {file.name: (str(file), text) for file, text in (instead or {}).items()}
    own = {file.name: file for file in own_files(state_dir)}
    for name in sorted(own.keys() | given.keys()):
        label, text = given[name] if name in given else (str(own[name]), _read(_plain(own[name])))
        texts[label] = text
    return parse(texts)


def load_good_files(state_dir: Path) -> Calendar:
    """The calendar without those of the desk's own files that cannot be used; each of them is left out whole."""
    bad: dict[Path, str] = {}
    while True:
        try:
            return load_calendar(state_dir, instead=bad)
        except CalendarError as error:
            found = [file for file in own_files(state_dir) if f"\n{error}".count(f"\n{file}:") and file not in bad]
            if not found:
                raise  # a shipped one: a fault of ours
            bad |= dict.fromkeys(found, "")


def own_files(state_dir: Path | None) -> list[Path]:
    """The desk's own calendar files in the order in which they are read."""
    return sorted((state_dir / OWN).glob("[!.]*.toml")) if state_dir else []


def _plain(file: Path) -> Path:
    """Whatever else stands at the path could block the daemon, or fill its memory."""
    try:
        status = file.stat()
    except OSError as error:
        raise CalendarError(f"{file}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise CalendarError(f"{file}: is not a plain file")
    if status.st_size > LARGEST:
        raise CalendarError(f"{file}: is larger than {LARGEST} bytes; a calendar never is")
    return file


def _read(file: Traversable) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalendarError(f"{file}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise CalendarError(f"{file}: cannot be read: {error.strerror}") from None
