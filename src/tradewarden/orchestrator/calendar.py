"""Reads the calendar's files: those shipped with tradewarden, then the desk's own on top of them."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tradewarden.machines.calendar import Calendar
from tradewarden.machines.calendar_file import CalendarError, parse

__all__ = ["CalendarError", "load_calendar"]

SHIPPED = resources.files("tradewarden.machines") / "calendars"
OWN = "calendar.d"  # in the state directory


def load_calendar(state_dir: Path | None = None) -> Calendar:
    """The shipped calendar with the desk's own files over it, in the order of their names."""
    own = sorted((state_dir / OWN).glob("*.toml")) if state_dir else []
    shipped = sorted((file for file in SHIPPED.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return parse({str(file): _read(file) for file in (*shipped, *own)})


def _read(file: Traversable) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise CalendarError(f"{file}: byte {error.start} is not UTF-8 text; save the file as UTF-8") from None
    except OSError as error:
        raise CalendarError(f"{file}: cannot be read: {error.strerror}") from None
