"""The calendar as it reaches the daemon: from the package, from a wheel, with the desk's own files on top."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewarden.orchestrator.calendar import SHIPPED, CalendarError, load_calendar

ROOT = Path(__file__).parents[2]
DIWALI_NOON = datetime(2026, 11, 9, 6, 30, tzinfo=UTC)  # a Monday, 12:00 IST
LATE_HOLIDAY = '[[closures]]\nsegments = ["NSE_EQ"]\nsource = "a notice"\ndays = { 2026-11-09 = "Late holiday" }\n'


def own(state_dir: Path, name: str, content: bytes) -> Path:
    file = state_dir / "calendar.d" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    return file


def test_the_shipped_calendar_covers_the_indian_segments() -> None:
    calendar = load_calendar()
    assert {"NSE_EQ", "NFO"} <= calendar.segments
    shipped = sorted(file.name for file in SHIPPED.iterdir() if file.name.endswith(".toml"))
    assert calendar.sha256 == hashlib.sha256(b"".join((SHIPPED / name).read_bytes() for name in shipped)).hexdigest()


def test_a_state_directory_without_calendar_files_changes_nothing(tmp_path: Path) -> None:
    assert load_calendar(tmp_path).sha256 == load_calendar().sha256


def test_a_file_in_the_state_directory_adds_a_late_holiday_to_its_segment_only(tmp_path: Path) -> None:
    own(tmp_path, "holiday.toml", LATE_HOLIDAY.encode())
    calendar = load_calendar(tmp_path)
    assert calendar.at("NSE_EQ", DIWALI_NOON).reason == "Late holiday"
    assert calendar.at("NFO", DIWALI_NOON).state == "live"
    assert calendar.sha256 != load_calendar().sha256


def test_own_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    own(tmp_path, "2.toml", LATE_HOLIDAY.replace("Late", "Second").encode())
    own(tmp_path, "1.toml", LATE_HOLIDAY.replace("Late", "First").encode())
    own(tmp_path, "3.toml.bak", b"not read at all")
    assert load_calendar(tmp_path).at("NSE_EQ", DIWALI_NOON).reason == "Second holiday"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[[closures]]\nsegments = ["NSE"]\nsource = "a notice"\ndays = { 2026-11-09 = "Late" }\n',
         "2: closures[0].segments: 'NSE' is not defined; known: NSE_EQ,"),
        (b"[[closures]\n", " not valid TOML: Expected ']]' at the end of an array declaration (at line 1,"),
        (b'name = "caf\xe9"', " byte 11 is not UTF-8 text; save the file as UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_its_path_and_the_place(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = own(tmp_path, "bad.toml", content)
    with pytest.raises(CalendarError, match=re.escape(f"{file}:{sentence}")):
        load_calendar(tmp_path)


def test_a_directory_in_place_of_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "calendar.d" / "year.toml").mkdir(parents=True)
    with pytest.raises(CalendarError, match=r"year\.toml: cannot be read: Is a directory"):
        load_calendar(tmp_path)


def test_the_wheel_carries_the_calendar_and_reads_it_without_being_unpacked(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    ask = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tradewarden;"
        "assert tradewarden.__file__.startswith(sys.argv[1]);"
        "from tradewarden.orchestrator.calendar import load_calendar; print(*sorted(load_calendar().segments))"
    )
    told = subprocess.run([sys.executable, "-c", ask, wheel], check=True, capture_output=True, text=True, timeout=20)
    assert "NFO NSE_EQ" in told.stdout
