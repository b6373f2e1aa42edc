import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tradewarden.orchestrator.token import TokenStore

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
A, B, C = (letter * 32 for letter in "ABC")


def store_in(folder: Path, *, watched: tuple[str, ...] = (), exports: tuple[str, ...] = (), **more: Any) -> TokenStore:
    return TokenStore(
        folder / "state" / "token.json",
        watched=[folder / name for name in watched],
        exports=[folder / name for name in exports],
        now=lambda: NOON,
        **more,
    )


def write(path: Path, text: str, *, minutes: float = 0, mode: int = 0o600) -> Path:
    """Another program writes the file so many minutes after noon."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    moment = (NOON + timedelta(minutes=minutes)).timestamp()
    os.utime(path, (moment, moment))
    return path


def own_file(folder: Path, **body: object) -> Path:
    known = {"access_token": A, "minted_at": NOON.isoformat(), "user_id": "AB1234", "generation": 1}
    return write(folder / "state" / "token.json", json.dumps(known | body))


def test_no_file_no_token(tmp_path: Path) -> None:
    assert store_in(tmp_path, watched=(".env",)).load() is None


def test_a_saved_token_is_there_after_a_restart_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    saved = store_in(tmp_path).save(A, user_id="AB1234", minted_at=NOON)
    loaded = store_in(tmp_path).load()
    assert loaded == saved
    assert loaded is not None
    assert (loaded.value, loaded.generation, loaded.minted_at, loaded.user_id) == (A, 1, NOON, "AB1234")


def test_nobody_else_can_read_what_was_saved_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    store_in(tmp_path).save(A, user_id=None, minted_at=NOON)
    folder = tmp_path / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in folder.iterdir()] == [("token.json", 0o600)]


def test_a_reader_finds_the_old_file_or_the_new_one_never_half_of_one(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.save(A, user_id=None, minted_at=NOON)
    with (tmp_path / "state" / "token.json").open() as old:
        store.save(B, user_id=None, minted_at=NOON)
        assert json.load(old)["access_token"] == A


def test_a_leftover_of_a_crash_while_writing_does_not_stop_the_next_login(tmp_path: Path) -> None:
    write(tmp_path / "state" / ".token.json.new", "half", mode=0o644)
    store_in(tmp_path).save(A, user_id=None, minted_at=NOON)
    assert stat.S_IMODE((tmp_path / "state" / "token.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".env", f"KITE_ACCESS_TOKEN={A}\n"),
        ("desk.env", f'# by the login script\nexport ZERODHA_ACCESS_TOKEN="{A}"  # today\nOTHER=${{HOME}}\n'),
        ("desk.env", f"\ufeffKITE_ACCESS_TOKEN='{A}'\r\nKITE_API_KEY=key\r\n"),
        (".env", f"BOT_TOKEN={A}\nKITE_ACCESS_TOKEN=${{BOT_TOKEN}}\n"),
        ("no_suffix", f"ZERODHA_ACCESS_TOKEN = {A}"),
        ("token", A),
        ("token.txt", f"\n  {A}\n\n"),
        ("token.json", f'{{"access_token": "{A}", "anything": [1, 2]}}'),
        ("session", f' {{"access_token": "{A}"}}'),
    ],
)
def test_other_programs_may_save_a_token_as_env_json_or_bare(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / name, text, minutes=3)
    token = store_in(tmp_path, watched=(name,)).load()
    assert token is not None
    assert (token.value, token.minted_at, token.user_id) == (A, NOON + timedelta(minutes=3), None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "neither KITE_ACCESS_TOKEN nor ZERODHA_ACCESS_TOKEN is in it, nor is it a bare token"),
        ("KITE_ACCESS_TOKEN=\n", "neither KITE_ACCESS_TOKEN nor ZERODHA_ACCESS_TOKEN is in it, nor is it a bare token"),
        ("two words", "neither KITE_ACCESS_TOKEN nor ZERODHA_ACCESS_TOKEN is in it, nor is it a bare token"),
        ("<html>sorry</html>", "neither KITE_ACCESS_TOKEN nor ZERODHA_ACCESS_TOKEN is in it, nor is it a bare token"),
        ('KITE_ACCESS_TOKEN="a\\r\\nHost: evil"', "its token is empty or has characters that no token has"),
        ("{", "not JSON"),
        ('{"a":' + "[" * 60000, "not JSON"),
        ('{"access_token": 5}', "it has no access_token"),
        ('{"access_token": ""}', "its token is empty or has characters that no token has"),
        ("A" * 65537, "larger than 65536 bytes"),
    ],
)
def test_a_file_without_a_token_is_told_once_and_left_alone(tmp_path: Path, text: str, why: str) -> None:
    path = write(tmp_path / "desk", text)
    store = store_in(tmp_path, watched=("desk",))
    with capture_logs() as lines:
        assert (store.load(), store.load()) == (None, None)
    assert lines == [{"event": "auth.token_file_unusable", "log_level": "warning", "path": str(path), "why": why}]
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_told_too(tmp_path: Path) -> None:
    (tmp_path / "desk").write_bytes(b"\xff\xfe\x00")
    with capture_logs() as lines:
        assert store_in(tmp_path, watched=("desk",)).load() is None
    assert lines[0]["why"] == "not text"


def test_what_is_no_file_is_neither_waited_for_nor_fatal(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with capture_logs() as lines:
        assert store_in(tmp_path, watched=("pipe", "folder", "loop", "missing")).load() is None
    assert [line["why"] for line in lines] == [
        "not a plain file",
        "Is a directory",
        "Too many levels of symbolic links",
        "No such file or directory",
    ]


def test_a_trouble_that_comes_back_is_told_again(tmp_path: Path) -> None:
    store = store_in(tmp_path, watched=("desk",))
    with capture_logs() as lines:
        store.load()
        write(tmp_path / "desk", A)
        store.load()
        (tmp_path / "desk").unlink()
        store.load()
    assert [line["why"] for line in lines] == ["No such file or directory"] * 2


def test_whose_token_it_is_may_be_learned_later(tmp_path: Path) -> None:
    write(tmp_path / "bare", A)
    store = store_in(tmp_path, watched=("bare", "more.json"))
    store.load()
    write(tmp_path / "more.json", json.dumps({"access_token": A, "user_id": "AB1234"}))
    token = store.load()
    assert token is not None
    assert (token.user_id, token.generation) == ("AB1234", 1)


def test_each_change_of_a_files_trouble_is_told_again(tmp_path: Path) -> None:
    store = store_in(tmp_path, watched=("desk",))
    with capture_logs() as lines:
        store.load()
        write(tmp_path / "desk", "{")
        store.load()
        write(tmp_path / "desk", A)
        store.load()
        (tmp_path / "desk").unlink()
        store.load()
    assert [line["why"] for line in lines] == ["No such file or directory", "not JSON", "No such file or directory"]


def test_the_token_minted_last_wins_wherever_it_lies(tmp_path: Path) -> None:
    own_file(tmp_path)
    write(tmp_path / "older", B, minutes=-5)
    write(tmp_path / "newer", C, minutes=5)
    token = store_in(tmp_path, watched=("newer", "older")).load()
    assert token is not None
    assert token.value == C


def test_generations_follow_the_time_of_minting(tmp_path: Path) -> None:
    own_file(tmp_path, generation=7)
    write(tmp_path / "older", B, minutes=-5)
    store = store_in(tmp_path, watched=("older", "newer"))
    first = store.load()
    write(tmp_path / "newer", C, minutes=5)
    second = store.load()
    assert first is not None
    assert second is not None
    assert ((first.value, first.generation), (second.value, second.generation)) == ((A, 7), (C, 8))


def test_a_value_keeps_its_generation_and_its_time_when_its_file_is_touched(tmp_path: Path) -> None:
    path = write(tmp_path / ".env", f"KITE_ACCESS_TOKEN={A}\n")
    store = store_in(tmp_path, watched=(".env",))
    first = store.load()
    write(path, f"KITE_ACCESS_TOKEN={A}\nUNRELATED=1\n", minutes=9)
    assert store.load() == first


def test_a_dead_token_in_an_edited_file_does_not_displace_a_later_login_even_after_a_restart(tmp_path: Path) -> None:
    path = write(tmp_path / ".env", f"KITE_ACCESS_TOKEN={A}\n", minutes=-60)
    store = store_in(tmp_path, watched=(".env",))
    store.load()
    login = store.save(B, user_id="AB1234", minted_at=NOON)
    write(path, f"KITE_ACCESS_TOKEN={A}\nUNRELATED=1\n", minutes=9)
    assert store.load() == login
    assert store_in(tmp_path, watched=(".env",)).load() == login


def test_the_same_token_saved_again_is_the_same_generation_freshly_minted(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    first = store.save(A, user_id=None, minted_at=NOON)
    again = store.save(A, user_id="AB1234", minted_at=NOON + timedelta(hours=1))
    assert (again.generation, again.minted_at, again.user_id) == (first.generation, NOON + timedelta(hours=1), "AB1234")
    assert store_in(tmp_path).load() == again


def test_a_login_outranks_every_generation_seen_before(tmp_path: Path) -> None:
    own_file(tmp_path, generation=4)
    store = store_in(tmp_path)
    store.load()
    assert store.save(B, user_id=None, minted_at=NOON).generation == 5


def test_the_copy_that_was_exported_is_the_same_token_when_it_is_read_back(tmp_path: Path) -> None:
    store = store_in(tmp_path, watched=(".env",), exports=(".env",))
    saved = store.save(A, user_id="AB1234", minted_at=NOON)
    assert store.load() == saved
    assert store_in(tmp_path, watched=(".env",)).load() == saved


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "not JSON"),
        ('{"access_token": "AAAAAAAA", "minted_at": "2026-11-23T', "not JSON"),
        ("[]", "it has no access_token"),
        ('{"minted_at": "2026-11-23T12:00:00+00:00"}', "it has no access_token"),
        ('{"access_token": "AAAAAAAA"}', "minted_at is no date and time"),
        ('{"access_token": "AAAAAAAA", "minted_at": 5}', "minted_at is no date and time"),
        ('{"access_token": "AAAAAAAA", "minted_at": "2026-11-23T12:00:00"}', "minted_at has no offset"),
        (
            '{"access_token": "AAAAAAAA", "minted_at": "2026-11-23T12:00:00+00:00", "earlier": {"x": 1}}',
            "its list of earlier tokens is damaged",
        ),
    ],
)
def test_a_corrupt_file_of_ours_is_kept_aside_and_the_log_says_why(tmp_path: Path, body: str, why: str) -> None:
    path = write(tmp_path / "state" / "token.json", body)
    store = store_in(tmp_path)
    with capture_logs() as lines:
        assert store.load() is None
    aside = tmp_path / "state" / "token.json.corrupt-20261123T120000"
    assert aside.read_text() == body
    assert not path.exists()
    expected = {"event": "auth.token_file_corrupt", "path": str(path), "kept_as": str(aside), "why": why}
    assert lines == [expected | {"log_level": "warning"}]
    assert not store.changed()
    store.save(B, user_id=None, minted_at=NOON)
    assert store_in(tmp_path).load() is not None


def test_something_else_in_our_files_place_is_put_aside_too(tmp_path: Path) -> None:
    (tmp_path / "state" / "token.json").mkdir(parents=True)
    store = store_in(tmp_path)
    with capture_logs() as lines:
        assert store.load() is None
    assert lines[0]["why"] == "Is a directory"
    assert store.save(A, user_id=None, minted_at=NOON) == store.load()


def test_a_corrupt_file_of_ours_leaves_the_files_of_others_in_force(tmp_path: Path) -> None:
    write(tmp_path / "state" / "token.json", "{")
    write(tmp_path / "desk", B)
    token = store_in(tmp_path, watched=("desk",)).load()
    assert token is not None
    assert token.value == B


def test_another_accounts_token_is_told_once_and_passed_over(tmp_path: Path) -> None:
    own_file(tmp_path)
    write(tmp_path / "other.json", json.dumps({"access_token": B, "user_id": "ZZ9999"}), minutes=5)
    store = store_in(tmp_path, watched=("other.json",), user_id="AB1234")
    with capture_logs() as lines:
        tokens = [store.load(), store.load()]
    assert [token.value for token in tokens if token] == [A, A]
    assert [(line["event"], line["why"]) for line in lines] == [
        ("auth.other_account", "it belongs to ZZ9999, this desk to AB1234")
    ]


def test_a_change_of_any_file_shows_at_a_glance_until_it_is_read(tmp_path: Path) -> None:
    own_file(tmp_path)
    store = store_in(tmp_path, watched=("desk",))
    assert store.changed(), "nothing was read yet"
    store.load()
    assert not store.changed()
    for change in (
        lambda: write(tmp_path / "desk", B),
        lambda: write(tmp_path / "desk", C, minutes=1),
        lambda: (tmp_path / "desk").chmod(0o644),
        (tmp_path / "desk").unlink,
        lambda: own_file(tmp_path, access_token=C),
    ):
        change()
        assert store.changed()
        store.load()
        assert not store.changed()


def test_a_file_replaced_with_the_same_size_and_time_shows(tmp_path: Path) -> None:
    write(tmp_path / "desk", A)
    store = store_in(tmp_path, watched=("desk",))
    store.load()
    write(tmp_path / "new", B).replace(tmp_path / "desk")
    assert store.changed()


def test_our_own_saving_and_dropping_are_no_news(tmp_path: Path) -> None:
    store = store_in(tmp_path)
    store.load()
    store.save(A, user_id=None, minted_at=NOON)
    assert not store.changed()
    store.drop()
    assert not store.changed()
    assert store.load() is None


def test_a_logout_forgets_our_files_and_takes_the_dead_token_back_from_where_it_was_exported(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OTHER=1\n")
    store = store_in(tmp_path, exports=("desk", ".env", "token.json", "missing/token"))
    store.save(A, user_id=None, minted_at=NOON)
    (tmp_path / "desk").chmod(0o640)
    store_in(tmp_path, exports=("desk", ".env", "token.json", "missing/token")).drop()  # a command without a daemon
    store.drop()
    assert not (tmp_path / "state" / "token.json").exists()
    assert (tmp_path / "desk").read_text() == "\n"
    assert (tmp_path / "desk").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / ".env").read_text() == "OTHER=1\nKITE_ACCESS_TOKEN=\n"
    assert json.loads((tmp_path / "token.json").read_text())["access_token"] == ""


def test_a_logout_leaves_tokens_of_other_programs(tmp_path: Path) -> None:
    store = store_in(tmp_path, watched=("theirs",), exports=("desk", "junk"))
    write(tmp_path / "theirs", B)
    store.save(A, user_id=None, minted_at=NOON)
    write(tmp_path / "desk", B)
    (tmp_path / "junk").write_text("no token at all, but words")
    store.drop()
    assert [(tmp_path / name).read_text().strip() for name in ("theirs", "desk")] == [B, B]
    assert (tmp_path / "junk").read_text() == "no token at all, but words"


# Files for others


def test_exports_take_the_form_that_their_name_asks_for(tmp_path: Path) -> None:
    store_in(tmp_path, exports=(".env", "desk.env", "token.json", "token")).save(A, user_id="AB1234", minted_at=NOON)
    assert (tmp_path / ".env").read_text() == f"KITE_ACCESS_TOKEN={A}\n"
    assert (tmp_path / "desk.env").read_text() == f"KITE_ACCESS_TOKEN={A}\n"
    assert json.loads((tmp_path / "token.json").read_text()) == {
        "access_token": A,
        "generation": 1,
        "minted_at": NOON.isoformat(),
        "user_id": "AB1234",
    }
    assert (tmp_path / "token").read_text() == f"{A}\n"
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir() if file.is_file()} == {0o600}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"KITE_ACCESS_TOKEN={A}\n"),
        ("X=1", f"X=1\nKITE_ACCESS_TOKEN={A}\n"),
        ("X=1\nKITE_ACCESS_TOKEN=old\nY=2\n", f"X=1\nKITE_ACCESS_TOKEN={A}\nY=2\n"),
        ("# note\nexport ZERODHA_ACCESS_TOKEN='old' # x\n\nY=2", f"# note\nexport ZERODHA_ACCESS_TOKEN={A}\n\nY=2"),
        ("ZERODHA_ACCESS_TOKEN=a\nKITE_ACCESS_TOKEN=b\n", f"ZERODHA_ACCESS_TOKEN={A}\nKITE_ACCESS_TOKEN={A}\n"),
        ("#KITE_ACCESS_TOKEN=old\n", f"#KITE_ACCESS_TOKEN=old\nKITE_ACCESS_TOKEN={A}\n"),
        ("MY_KITE_ACCESS_TOKEN=x\n", f"MY_KITE_ACCESS_TOKEN=x\nKITE_ACCESS_TOKEN={A}\n"),
        ('X="KITE_ACCESS_TOKEN=no\nreally"\n', f'X="KITE_ACCESS_TOKEN=no\nreally"\nKITE_ACCESS_TOKEN={A}\n'),
        ("'KITE_ACCESS_TOKEN'=old\n", f"KITE_ACCESS_TOKEN={A}\n"),
        ("this is no = env\n= file\nX=1\n", f"this is no = env\n= file\nX=1\nKITE_ACCESS_TOKEN={A}\n"),
        ("X=1\r\nKITE_ACCESS_TOKEN=old\r\nY=2\r\n", f"X=1\r\nKITE_ACCESS_TOKEN={A}\nY=2\r\n"),
    ],
)
def test_an_env_file_keeps_its_other_lines(tmp_path: Path, before: str, after: str) -> None:
    write(tmp_path / ".env", before)
    store_in(tmp_path, exports=(".env",)).save(A, user_id=None, minted_at=NOON)
    assert (tmp_path / ".env").read_bytes().decode() == after


@settings(max_examples=60, deadline=None)
@given(
    lines=st.dictionaries(
        st.from_regex(r"[A-Z][A-Z_]{0,8}", fullmatch=True), st.from_regex(r"[\w ]{0,9}", fullmatch=True)
    )
)
def test_every_other_variable_reads_the_same_before_and_after(
    tmp_path_factory: pytest.TempPathFactory, lines: dict[str, str]
) -> None:
    path = write(
        tmp_path_factory.mktemp("desk") / ".env", "".join(f'{key}="{value}"\n' for key, value in lines.items())
    )
    before = dotenv_values(path)
    store_in(path.parent, exports=(".env",)).save(A, user_id=None, minted_at=NOON)
    assert dotenv_values(path) == before | {"KITE_ACCESS_TOKEN": A}


def test_a_file_that_exists_keeps_its_permissions_and_a_link_its_target(tmp_path: Path) -> None:
    write(tmp_path / "real.env", "X=1\n", mode=0o640)
    (tmp_path / "link.env").symlink_to(tmp_path / "real.env")
    write(tmp_path / "token", "old", mode=0o644)
    store_in(tmp_path, exports=("link.env", "token")).save(A, user_id=None, minted_at=NOON)
    assert (tmp_path / "link.env").is_symlink()
    assert (tmp_path / "real.env").read_text() == f"X=1\nKITE_ACCESS_TOKEN={A}\n"
    assert stat.S_IMODE((tmp_path / "real.env").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o644


def test_an_export_that_fails_is_logged_with_its_path_and_hinders_nothing(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "token"
    store = store_in(tmp_path, exports=("missing/token", "token"))
    with capture_logs() as lines:
        token = store.save(A, user_id=None, minted_at=NOON)
    assert token.value == A
    assert (tmp_path / "token").read_text() == f"{A}\n"
    expected = {"event": "auth.export_failed", "path": str(missing), "why": "No such file or directory"}
    assert lines == [expected | {"log_level": "error"}]


def test_a_disk_that_takes_nothing_does_not_cost_the_login(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the directory should be")
    with capture_logs() as lines:
        token = store_in(tmp_path).save(A, user_id=None, minted_at=NOON)
    assert token.value == A
    assert [line["event"] for line in lines] == ["auth.token_not_saved"]


def test_no_token_is_in_any_line_or_repr(tmp_path: Path) -> None:
    own_file(tmp_path, access_token=f"{A} {A}")
    for name in ("a.json", "b.env", "c"):
        write(tmp_path / name, f"{{{A}" if name == "a.json" else f"KITE_ACCESS_TOKEN='{A} {A}'")
    store = store_in(tmp_path, watched=("a.json", "b.env", "c"), exports=("missing/x.env",))
    with capture_logs() as lines:
        store.load()
        token = store.save(A, user_id=None, minted_at=NOON)
    assert len(lines) == 5
    assert A not in repr((lines, store, token))


def test_a_dollar_in_a_token_is_a_dollar(tmp_path: Path) -> None:
    write(tmp_path / ".env", "KITE_ACCESS_TOKEN=ab$HOME$1c$\n")
    held = store_in(tmp_path, watched=(".env",)).load()
    assert held is not None
    assert held.value == "ab$HOME$1c$"
