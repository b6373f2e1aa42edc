"""Settings that were read once are not read again, unless anything they depend on is another than it was."""

from __future__ import annotations

import os
import pickle
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tradewarden import settings_grounds
from tradewarden.orchestrator.calendar import load_good_files
from tradewarden.settings import Settings, load
from tradewarden.settings_apart import find_ours, pack, plain, unpack
from tradewarden.settings_grounds import Grounds, grounds
from tradewarden.settings_kept import NAME, keep, kept, recalled

SECOND = 1_000_000_000  # nanoseconds
SECRET = "a-very-secret-admin-token"
IN_COMMAND = "password-in-a-command"
TEXT = f"""
state_dir = "state"
[kite]
api_key = "key"
export_files = ["token.env"]
[http]
port = 8711
admin_token = "{SECRET}"
[services.feed]
command = ["./feed", "--password={IN_COMMAND}"]
environment = {{ PASSWORD = "in-the-environment" }}
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """A directory with a configuration in it."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "tradewarden.toml"

    @property
    def note(self) -> Path:
        return self.folder / "state" / NAME

    def now(self) -> Grounds:
        found = grounds(self.file)
        assert found is not None
        return found

    def kept(self, later: int = SECOND) -> bytes | None:
        """What a start that begins so many nanoseconds from now would keep."""
        settings, now = load(self.file), self.now()
        return kept(plain(settings), pack(load_good_files(settings.state_dir)), replace(now, at=now.at + later))

    def keep(self) -> None:
        note = self.kept()
        assert note is not None
        keep(self.folder / "state", note)

    def recalled(self) -> Settings | None:
        now = grounds(self.file)
        found = None if now is None else recalled(now)
        return None if found is None else found[0]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for name in [*os.environ]:
        if name.startswith("TRADEWARDEN_") or name in {"STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"}:
            monkeypatch.delenv(name)
    found = Desk(tmp_path)
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "feed").write_text("#!/bin/sh\n")
    (tmp_path / "feed").chmod(0o700)
    found.file.write_text(TEXT)
    found.file.chmod(0o600)
    found.keep()
    return found


def test_the_next_start_gets_what_the_last_one_read(desk: Desk) -> None:
    known, read = desk.recalled(), load(desk.file)
    assert known is not None
    assert known.programs == read.programs
    assert known.http.port == 8711
    assert known.http.admin_token is not None
    assert known.http.admin_token.get_secret_value() == SECRET
    assert (known.state_dir, known.run_dir, known.file) == (read.state_dir, read.run_dir, read.file)


def test_the_calendar_comes_along(desk: Desk) -> None:
    found = recalled(desk.now())
    assert found is not None
    assert unpack(found[1]).sha256 == load_good_files(desk.folder / "state").sha256


@pytest.mark.parametrize("word", [SECRET, IN_COMMAND, "in-the-environment"])
def test_no_word_of_the_configuration_stands_in_it(desk: Desk, word: str) -> None:
    assert word.encode() not in desk.note.read_bytes()
    assert stat.S_IMODE(desk.note.stat().st_mode) == 0o600


def another_text(desk: Desk) -> None:
    desk.file.write_text(TEXT.replace("8711", "8712"))


def another_variable(_: Desk) -> None:
    os.environ["TRADEWARDEN_HTTP__PORT"] = "8713"


def a_variable_in_small_letters(_: Desk) -> None:
    os.environ["tradewarden_http__port"] = "8713"  # noqa: SIM112 - this one is read too


def another_path(_: Desk) -> None:
    os.environ["PATH"] += ":/nowhere"


def a_credential(desk: Desk) -> None:
    folder = desk.folder / "credentials"
    folder.mkdir()
    (folder / "http__admin_token").write_text("another-admin-token")
    os.environ["CREDENTIALS_DIRECTORY"] = str(folder)


def half_a_note(desk: Desk) -> None:
    desk.note.write_bytes(desk.note.read_bytes()[:-100])


def an_altered_note(desk: Desk) -> None:
    body = bytearray(desk.note.read_bytes())
    body[-100] ^= 1
    desk.note.write_bytes(body)


def an_empty_note(desk: Desk) -> None:
    desk.note.write_bytes(b"")


def a_note_that_others_read(desk: Desk) -> None:
    desk.note.chmod(0o640)


def a_link(desk: Desk) -> None:
    desk.note.rename(desk.folder / "elsewhere")
    desk.note.symlink_to(desk.folder / "elsewhere")


def a_folder_in_place_of_it(desk: Desk) -> None:
    desk.note.unlink()
    desk.note.mkdir()


def a_directory_that_others_write(desk: Desk) -> None:
    desk.note.parent.chmod(0o777)


def no_note(desk: Desk) -> None:
    desk.note.unlink()


def a_program_that_went(desk: Desk) -> None:
    (desk.folder / "feed").unlink()


def a_program_that_may_not_run(desk: Desk) -> None:
    (desk.folder / "feed").chmod(0o600)


def a_calendar_of_its_own(desk: Desk) -> None:
    (desk.folder / "state/calendar.d").mkdir()
    (desk.folder / "state/calendar.d/mine.toml").write_text("")


def an_export_that_leads_elsewhere(desk: Desk) -> None:
    (desk.folder / "token.env").symlink_to(desk.folder / "state/token.json")


@pytest.mark.parametrize(
    "happens",
    [
        another_text,
        another_variable,
        a_variable_in_small_letters,
        another_path,
        a_credential,
        half_a_note,
        an_altered_note,
        an_empty_note,
        a_note_that_others_read,
        a_link,
        a_folder_in_place_of_it,
        a_directory_that_others_write,
        no_note,
        a_program_that_went,
        a_program_that_may_not_run,
        a_calendar_of_its_own,
    ],
)
def test_after_a_change_it_is_read_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Desk], None]
) -> None:
    assert desk.recalled() is not None
    monkeypatch.setattr(os, "environ", os.environ.copy())
    happens(desk)
    assert desk.recalled() is None


def test_an_export_that_leads_elsewhere_is_looked_at_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)
    desk.keep()
    an_export_that_leads_elsewhere(desk)
    assert desk.recalled() is None


def test_another_version_reads_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_grounds, "__version__", "99.0")
    assert desk.recalled() is None


def test_another_directory_reads_again(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert desk.recalled() is None


def test_an_own_calendar_is_looked_at_again_when_it_changes(desk: Desk) -> None:
    a_calendar_of_its_own(desk)
    desk.keep()
    assert desk.recalled() is not None
    (desk.folder / "state/calendar.d/mine.toml").write_text("# a word")
    assert desk.recalled() is None


def test_a_calendar_that_was_written_to_while_it_was_read_is_read_again(desk: Desk) -> None:
    a_calendar_of_its_own(desk)
    assert desk.kept(later=-SECOND) is None
    assert desk.kept() is not None


@pytest.mark.parametrize(
    ("written", "instead"),
    [('PASSWORD = "in-the-environment"', "PASSWORD = 8_642_135"), ('["./feed", ', "\"./feed se'cretword'\" #")],
)
def test_a_word_of_a_program_that_stands_nowhere_as_it_is_keeps_all_from_being_kept(
    desk: Desk, written: str, instead: str
) -> None:
    assert desk.kept() is not None
    desk.file.write_text(TEXT.replace(written, instead))
    assert desk.kept() is None


def test_what_was_escaped_in_the_file_is_not_kept(desk: Desk) -> None:
    desk.file.write_text(TEXT.replace(SECRET, "a\\u0062cdefghijk"))
    assert grounds(desk.file) is None


def test_a_secret_that_stands_nowhere_is_not_kept(desk: Desk) -> None:
    settings = plain(load(desk.file))
    settings.http.admin_token._value = "from somewhere else"
    assert kept(settings, b"", desk.now()) is None


def test_where_nothing_can_be_written_nothing_is_kept(desk: Desk) -> None:
    desk.note.unlink()
    keep(desk.folder / "nowhere", b"note")
    assert desk.recalled() is None


def test_it_cannot_name_what_is_no_part_of_settings() -> None:
    for module, name in (("os", "system"), ("builtins", "eval"), ("tradewarden.settings_apart", "pickle.loads")):
        with pytest.raises(pickle.UnpicklingError):
            find_ours(module, name)
