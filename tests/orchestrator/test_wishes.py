"""What people wished of services: it lasts, it is whole or not there, and what cannot be read starts nothing."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tradewarden.orchestrator.wishes import NOTHING, Wish, Wishes, WishesError


def test_a_wish_lasts_and_says_only_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    wishes = Wishes(path)
    assert wishes.of("feed") == NOTHING
    wishes.set(["feed", "writer"], wanted=False)
    wishes.set(["feed"], enabled=False)
    wishes.set(["writer"], auto_restart=False)
    wishes.set(["writer"], wanted=True)
    again = Wishes(path)
    assert again.trouble is None
    assert again.of("feed") == Wish(wanted=False, enabled=False)
    assert again.of("writer") == Wish(wanted=True, auto_restart=False)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["services.json"]


def test_who_is_gone_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    wishes = Wishes(path)
    wishes.set(["feed", "writer"], wanted=False)
    wishes.forget(["feed", "nobody"])
    assert (Wishes(path).of("feed"), Wishes(path).of("writer")) == (NOTHING, Wish(wanted=False))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is no JSON"),
        ('{"version": 2, "services": {}}', "it is not of version 1"),
        ("[]", "it is not of version 1"),
        (b"\xff", "it is no JSON"),
    ],
)
def test_a_file_that_cannot_be_understood_is_a_trouble_until_somebody_wishes(
    tmp_path: Path, text: str | bytes, why: str
) -> None:
    path = tmp_path / "services.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    wishes = Wishes(path)
    assert wishes.trouble == f"{path} cannot be understood: {why}; nothing is started before somebody says so"
    wishes.set(["feed"], wanted=True)
    assert wishes.trouble is None
    assert Wishes(path).of("feed") == Wish(wanted=True)


def test_what_is_no_wish_in_the_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    path.write_text('{"version": 1, "services": {"a": {"wanted": "no", "enabled": true, "x": 1, "ends": 1}, "b": 3}}')
    assert Wishes(path).of("a") == Wish(enabled=True)
    assert Wishes(path).of("b") == NOTHING


def test_a_wish_that_cannot_be_kept_is_none(tmp_path: Path) -> None:
    wishes = Wishes(tmp_path / "gone" / "services.json")
    with pytest.raises(WishesError, match=r"services.json cannot be written \(No such file or directory\)"):
        wishes.set(["feed"], wanted=False)
    assert wishes.of("feed") == NOTHING


def test_the_life_that_a_restart_of_all_is_to_end_is_known_until_something_else_is_wished(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    wishes = Wishes(path)
    wishes.set(["feed", "writer"], wanted=True, ends={"feed": "boot 1 2"})
    wishes.set(["feed"], auto_restart=False)
    assert Wishes(path).of("feed") == Wish(wanted=True, auto_restart=False, ends="boot 1 2")
    assert Wishes(path).of("writer") == Wish(wanted=True)
    wishes.set(["feed"], wanted=False)
    assert Wishes(path).of("feed").ends is None
