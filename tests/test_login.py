"""A login over the wire: out to the broker's page, back to the callback, on a page that says what happened."""

import asyncio
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from desk import KEY, LIVE, USER, Desk, play
from tradewarden.orchestrator import statedir, token
from tradewarden.settings import HttpSettings, KiteSettings, Settings
from tradewarden.terminal_login import login


async def visit(desk: Desk, *, user: str = USER, begin: str = "/login") -> tuple[int, str, str]:
    """What a person does: follow the login link, submit the broker's form, end on the desk's page."""
    async with desk.client.get(desk.url + begin, allow_redirects=False) as begun:
        assert begun.status == 302
        broker_page = begun.headers["Location"]
    async with desk.client.get(broker_page) as form:
        assert form.status == 200
    query = urlsplit(broker_page).query
    address = f"{desk.broker.login_url}?{query}"
    async with desk.client.post(address, data={"user_id": user}, allow_redirects=False) as submitted:
        assert submitted.status in (302, 303), await submitted.text()
        back = submitted.headers["Location"]
    async with desk.client.get(back) as page:
        return page.status, await page.text(), back


@pytest.mark.parametrize("begin", ["/login", "/api/auth/login", "/compat/api/auth/login"])
def test_a_login_ends_on_a_page_that_says_so_and_the_feed_streams(tmp_path: Path, begin: str) -> None:
    async def scene(desk: Desk) -> None:
        status, text, _ = await visit(desk, begin=begin)
        assert status == 200
        assert f"Logged in as {USER}" in text
        await desk.until_headline("market.live")

    play(tmp_path, LIVE, scene, token=False)


def test_the_token_of_a_login_is_kept_for_its_owner_alone_and_found_after_a_restart(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await visit(desk)
        await desk.until_auth("valid")
        assert stat.S_IMODE((tmp_path / "token.json").stat().st_mode) == 0o600

    async def again(desk: Desk) -> None:
        # Another broker process knows nothing of the token: the desk tried the one it had found.
        await desk.until_auth("expired")

    play(tmp_path, LIVE, scene, token=False)
    play(tmp_path, LIVE, again, token=False)


def test_fresh_tokens_are_exported_to_the_files_that_the_operator_names(tmp_path: Path) -> None:
    env, bare = tmp_path / "bots.env", tmp_path / "token.txt"
    env.write_text("OTHER=kept\nKITE_ACCESS_TOKEN=old\n")

    async def scene(desk: Desk) -> None:
        await visit(desk)
        await desk.until_auth("valid")
        held = desk.parts.auth.machine.held
        assert held is not None
        assert env.read_text() == f"OTHER=kept\nKITE_ACCESS_TOKEN={held.value}\n"
        assert bare.read_text().strip() == held.value

    play(tmp_path, LIVE, scene, token=False, export_files=[env, bare])


def test_a_login_of_another_account_is_refused_on_a_clear_page_and_changes_nothing(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        held = desk.parts.auth.machine.held
        status, text, _ = await visit(desk, user="ZZ9999")
        assert status == 403
        assert "another account" in text
        assert "ZZ9999" in text
        await desk.until_auth("valid")
        assert desk.parts.auth.machine.held == held
        assert not list(tmp_path.glob("token.json"))

    play(tmp_path, LIVE, scene)


def test_a_callback_that_nobody_asked_for_never_reaches_the_token(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        before = desk.picture.auth
        query = {"request_token": "stolen", "status": "success", "state": "guessed"}
        async with desk.client.get(f"{desk.url}/auth/callback", params=query) as page:
            assert page.status == 400
        assert desk.picture.auth.since == before.since

    play(tmp_path, LIVE, scene)


def test_a_login_link_works_once(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        _, _, back = await visit(desk)
        async with desk.client.get(back) as page:
            assert page.status == 400
        await desk.until_auth("valid")

    play(tmp_path, LIVE, scene, token=False)


def test_a_login_link_is_forgotten_after_ten_minutes(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        async with desk.client.get(f"{desk.url}/login", allow_redirects=False) as begun:
            state = parse_qs(parse_qs(urlsplit(begun.headers["Location"]).query)["redirect_params"][0])["state"][0]
        await asyncio.sleep(601)
        async with desk.client.get(
            f"{desk.url}/auth/callback", params={"state": state, "request_token": "late", "status": "success"}
        ) as page:
            assert page.status == 400
        assert desk.picture.auth.state == "required"

    play(tmp_path, LIVE, scene, token=False)


def pending_of(desk: Desk) -> Mapping[str, object]:
    return desk.parts.accounts._members["kite"].login._pending


def test_only_the_last_eight_logins_begun_are_pending(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        for _ in range(50):
            desk.parts.accounts.begin()
        assert len(pending_of(desk)) == 8

    play(tmp_path, LIVE, scene, token=False)


def test_whoever_begins_many_logins_evicts_nobody_elses(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        logins = desk.parts.accounts
        mine = parse_qs(urlsplit(logins.begin("person")).query)["redirect_params"][0].removeprefix("state=")
        for _ in range(50):
            logins.begin("neighbour")
        assert len(pending_of(desk)) == 8
        assert mine in pending_of(desk)
        for number in range(6):
            logins.begin(f"other {number}")
        logins.begin("neighbour")
        assert mine in pending_of(desk)

    play(tmp_path, LIVE, scene, token=False)


def test_a_wrong_api_secret_is_a_fault_of_the_configuration_and_no_expiry(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        status, text, _ = await visit(desk)
        assert status == 503
        assert "api key or secret" in text
        picture = desk.picture
        assert (picture.auth.state, picture.auth.reason) == ("required", "configuration")
        assert picture.headline.code == "auth.configuration"

    play(tmp_path, LIVE, scene, token=False, api_secret="wrong-secret")


def test_a_broker_that_does_not_answer_a_login_changes_nothing(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_feed("streaming")
        async with desk.client.get(f"{desk.url}/login", allow_redirects=False) as begun:
            location = begun.headers["Location"]
        desk.broker.world.change({"http": "500"})
        state = parse_qs(parse_qs(urlsplit(location).query)["redirect_params"][0])["state"][0]
        query = {"state": state, "request_token": "never-heard", "status": "success"}
        async with desk.client.get(f"{desk.url}/auth/callback", params=query) as page:
            assert page.status == 504
        assert desk.parts.auth.machine.held is not None
        assert desk.picture.feed.state == "streaming"

    play(tmp_path, LIVE, scene)


def test_a_login_from_a_terminal_goes_through_the_running_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        def go_to_the_broker() -> str:
            return f"request_token={desk.broker.broker.log_in(USER, desk.clock.now())}"

        code = await login(
            desk.settings, say=said.append, ask=lambda: go_to_the_broker().removeprefix("request_token=")
        )
        assert code == 0, said
        assert desk.picture.auth.state == "valid"

    play(tmp_path, LIVE, scene, token=False)
    assert KEY in said[0]
    assert said[-1] == f"Logged in as {USER}."


def test_a_login_from_a_terminal_without_a_daemon_leaves_the_token_where_the_daemon_will_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        elsewhere = desk.settings.model_copy(update={"state_dir": tmp_path / "idle"})

        def paste() -> str:
            token = desk.broker.broker.log_in(USER, desk.clock.now())
            return f"http://127.0.0.1:8700/auth/callback?action=login&status=success&request_token={token}\n"

        assert await login(elsewhere, say=said.append, ask=paste) == 0, said
        assert (tmp_path / "idle" / "token.json").exists()

    play(tmp_path, LIVE, scene, token=False)
    assert said[-1].startswith(f"Logged in as {USER}.")
    assert str(tmp_path / "idle" / "token.json") in said[-1]


def paste(desk: Desk) -> str:
    return desk.broker.broker.log_in(USER, desk.clock.now())


def test_a_login_from_a_terminal_finds_the_daemon_in_the_units_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, state = tmp_path / "run", tmp_path / "state"
    runtime.mkdir()
    state.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))

    async def scene(desk: Desk) -> None:
        monkeypatch.delenv("RUNTIME_DIRECTORY")  # a shell has none
        monkeypatch.setattr(statedir, "RUN", runtime)
        shell = desk.settings.model_copy(update={"state_dir": tmp_path / "shell"})
        assert await login(shell, say=lambda _: None, ask=lambda: paste(desk)) == 0
        assert desk.picture.auth.state == "valid"
        assert not (tmp_path / "shell").exists()

    play(state, LIVE, scene, token=False)


def test_a_login_from_a_terminal_spends_no_request_token_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    (tmp_path / "file").touch()
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        nowhere = desk.settings.model_copy(update={"state_dir": tmp_path / "file" / "state"})
        assert await login(nowhere, say=said.append, ask=lambda: pytest.fail("nobody is to log in")) == 1

    play(tmp_path, LIVE, scene, token=False)
    assert len(said) == 1
    assert "cannot keep the daemon's state" in said[0]


def test_a_login_from_a_terminal_whose_token_could_not_be_written_says_that_it_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def scene(desk: Desk) -> None:
        idle = desk.settings.model_copy(update={"state_dir": tmp_path / "idle"})
        monkeypatch.setattr(token, "write_own", full)
        assert await login(idle, say=said.append, ask=lambda: paste(desk)) == 1

    play(tmp_path, LIVE, scene, token=False)
    assert "idle/token.json could not be written: the token is lost" in said[-1]


def test_a_daemon_that_lives_here_but_does_not_answer_is_not_written_behind_its_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        idle = desk.settings.model_copy(update={"state_dir": tmp_path / "idle"})
        with statedir.claim(tmp_path / "idle"):
            assert await login(idle, say=said.append, ask=lambda: pytest.fail("nobody is to log in")) == 1

    play(tmp_path, LIVE, scene, token=False)
    assert "belongs to a running tradewarden" in said[0]


async def test_a_daemon_that_goes_while_somebody_logs_in_is_told_once_and_nobody_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []
    asked: list[str] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://broker.example/\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    def paste_while_the_daemon_goes() -> str:
        asked.append("once")
        server.close()
        return "arequesttoken"

    server = await asyncio.start_unix_server(answer_once, tmp_path / "control.sock")
    settings = Settings.model_construct(state_dir=tmp_path, http=HttpSettings(), kite=KiteSettings())
    assert await login(settings, say=said.append, ask=paste_while_the_daemon_goes) == 1
    assert asked == ["once"]
    assert said[-1].startswith("Nobody knows how the login ended")


def test_a_login_under_way_when_the_daemon_stops_is_finished_and_does_not_hold_it_up(tmp_path: Path) -> None:
    pages: list[str] = []

    async def scene(desk: Desk) -> None:
        async with desk.client.get(f"{desk.url}/login", allow_redirects=False) as begun:
            state = parse_qs(parse_qs(urlsplit(begun.headers["Location"]).query)["redirect_params"][0])["state"][0]
        token = desk.broker.broker.log_in(USER, desk.clock.now())
        query = {"state": state, "request_token": token, "status": "success"}

        async def come_back() -> None:
            async with desk.client.get(f"{desk.url}/auth/callback", params=query) as page:
                pages.append(await page.text())

        coming = asyncio.create_task(come_back())
        await desk.until_auth("exchanging")
        desk.stop.set()
        await coming

    begun = time.monotonic()
    play(tmp_path, LIVE, scene, token=False)
    assert time.monotonic() - begun < 5
    assert "Logged in" in pages[0]
    assert (tmp_path / "token.json").exists()


@pytest.mark.parametrize("pasted", ["", "yes", "http://127.0.0.1:8700/", "not a token at all"])
def test_what_is_neither_an_address_nor_a_token_is_never_shown_to_the_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pasted: str
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        assert await login(desk.settings, say=said.append, ask=lambda: pasted) == 1
        assert desk.picture.auth.state == "required"

    play(tmp_path, LIVE, scene, token=False)
    assert said[-1].startswith("That is neither the address")
