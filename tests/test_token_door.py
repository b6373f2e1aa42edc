"""Another program's token errors and a person's logout, over the wire against the running desk."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from desk import KEY, LIVE, Desk, play
from tradewarden.feed.brokers.kite_rest import KiteRest, Verdict
from tradewarden.http.problems import TITLES
from tradewarden.terminal_logout import logout, token_error

ADMIN = {"Authorization": "Bearer desktestadmin"}
ERRORS, LOGOUT = "/api/auth/errors", "/api/auth/logout"


async def post(desk: Desk, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, str) else None if body is None else json.dumps(body)
    async with desk.client.post(desk.url + path, data=data, headers=ADMIN | headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def is_dead(desk: Desk, value: str) -> bool:
    """What the broker says of a token, whatever the desk thinks."""
    rest = KiteRest(rest_url=desk.broker.url, login_url=desk.broker.login_url, api_key=KEY, api_secret="")
    return (await rest.probe(value)).verdict is Verdict.DEAD


def held(desk: Desk) -> str:
    token = desk.parts.auth.machine.held
    assert token is not None
    return token.value


async def generation_told(desk: Desk) -> Any:
    async with desk.client.get(f"{desk.url}/api/system/health/auth", headers=ADMIN) as answer:
        return (await answer.json(content_type=None))["check"].get("generation")


def test_a_dead_token_that_another_program_met_is_expired_at_once(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        desk.broker.do("expire_token")
        status, body = await post(desk, ERRORS, {"type": "TokenException", "message": "Incorrect `access_token`."})
        assert (status, body["outcome"], body["accepted"]) == (200, "taken", True)
        assert desk.picture.auth.state == "expired"
        await asyncio.sleep(30)
        assert desk.picture.auth.state == "expired"
        _, again = await post(desk, ERRORS, {"type": "TokenException"})
        assert (again["outcome"], again["generation"]) == ("known", 0)

    play(tmp_path, LIVE, scene)


def test_the_broker_has_the_last_word_and_a_program_that_insists_is_not_heard_for_a_minute(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        error = {"type": "809", "message": "Access token is invalid", "generation": await generation_told(desk)}
        assert (await post(desk, ERRORS, error))[1]["outcome"] == "taken"
        await desk.until_auth("valid")
        assert (await post(desk, ERRORS, error))[1]["outcome"] == "contradicted"
        assert desk.picture.auth.state == "valid"
        await asyncio.sleep(61)
        assert (await post(desk, ERRORS, error))[1]["outcome"] == "taken"
        await desk.until_auth("valid")

    play(tmp_path, LIVE, scene)


def test_an_error_of_an_older_token_or_of_something_else_changes_nothing_and_is_answered_so(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        desk.save_token(desk.broker.mint())
        await desk.until(lambda picture: picture.auth.generation == 2 and picture.auth.state == "valid")
        seq = desk.picture.seq
        for error, outcome in (
            ({"type": "TokenException", "message": "", "generation": 1}, "older"),
            ({"type": "TokenException", "message": "", "generation": 9}, "unknown"),
            ({"type": "InputException", "message": "Invalid instrument_token 256265"}, "not_a_token_error"),
            ({"type": "NetworkException", "message": "timed out", "generation": 2}, "not_a_token_error"),
        ):
            status, body = await post(desk, ERRORS, error)
            assert (status, body["outcome"], body["accepted"], body["generation"]) == (200, outcome, False, 2)
            assert body["text"]
        assert desk.picture.seq == seq
        assert await generation_told(desk) == 2

    play(tmp_path, LIVE, scene)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ("{", [None]),
        ("[]", [None]),
        ({}, ["/type"]),
        ({"type": 7}, ["/type"]),
        ({"type": "x" * 81}, ["/type"]),
        ({"type": "TokenException", "message": 3, "generation": True}, ["/message", "/generation"]),
        ({"type": "TokenException", "generation": 0}, ["/generation"]),
        ({"type": "TokenException", "generation": "1", "token": "canary"}, ["/token", "/generation"]),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_fault_by_fault(tmp_path: Path, body: Any, pointers: list[Any]) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        status, told = await post(desk, ERRORS, body)
        assert (status, told["title"]) == (422, TITLES["validation"])
        assert [fault.get("pointer") for fault in told["errors"]] == pointers
        assert "canary" not in json.dumps(told)
        assert desk.picture.auth.state == "valid"

    play(tmp_path, LIVE, scene)


@pytest.mark.parametrize("path", [ERRORS, LOGOUT])
def test_only_an_admin_may_and_no_other_site_in_the_admins_browser(tmp_path: Path, path: str) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        body = {"type": "TokenException", "message": ""} if path == ERRORS else None
        async with desk.client.post(desk.url + path, json=body) as answer:
            assert answer.status == 401
        assert (await post(desk, path, body, Authorization="Bearer wrong"))[0] == 403
        assert (await post(desk, path, body, Origin="https://evil.example"))[0] == 403
        assert desk.picture.auth.state == "valid"
        _, public = await desk.health("/auth")
        assert "generation" not in public["check"]

    play(tmp_path, LIVE, scene)


def test_a_logout_kills_the_token_at_the_broker_and_forgets_its_file(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        value = held(desk)
        assert not await is_dead(desk, value)
        status, body = await post(desk, LOGOUT)
        assert (status, body["outcome"], body["killedAtBroker"]) == (200, "logged_out", True)
        assert await is_dead(desk, value)
        await asyncio.sleep(5)
        assert desk.picture.auth.state == "required"
        assert not (tmp_path / "token.json").exists()
        assert (await post(desk, LOGOUT))[1]["outcome"] == "no_token"
        assert (await post(desk, LOGOUT, {"sure": True}))[0] == 422

    play(tmp_path, LIVE, scene)


def test_a_broker_that_is_away_cannot_keep_a_person_logged_in(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        desk.broker.world.change({"http": "500"})
        status, body = await post(desk, LOGOUT)
        assert (status, body["outcome"], body["killedAtBroker"]) == (200, "logged_out", False)
        assert desk.picture.auth.state == "required"

    play(tmp_path, LIVE, scene)


def test_both_have_a_command(tmp_path: Path) -> None:
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        how = await token_error(desk.settings, "InputException", "Invalid quantity", None, say=said.append)
        assert (how, desk.picture.auth.state) == (1, "valid")
        assert await token_error(desk.settings, "", "", None, say=said.append) == 1
        assert await token_error(desk.settings, "TokenException", "", 1, say=said.append) == 0
        await desk.until_auth("valid")
        assert await logout(desk.settings, say=said.append) == 0
        assert desk.picture.auth.state == "required"

    play(tmp_path, LIVE, scene)
    assert [line.split(".")[0].split(",")[0] for line in said] == [
        "This error does not speak of the access token",
        "/type: the broker's name of the error is expected",
        "The token counts as expired; the broker is asked once more",
        "Logged out; the token is dead at the broker",
    ]


def test_without_a_daemon_the_logout_kills_and_forgets_all_the_same(tmp_path: Path) -> None:
    said: list[str] = []

    async def scene(desk: Desk) -> None:
        await desk.until_auth("valid")
        away = desk.settings.model_copy(update={"state_dir": tmp_path / "elsewhere"})
        (tmp_path / "elsewhere").mkdir()
        value = held(desk)
        file = tmp_path / "elsewhere" / "token.json"
        file.write_text(json.dumps({"access_token": value, "minted_at": LIVE.isoformat(), "generation": 1}))
        assert await logout(away, say=said.append) == 0
        assert not file.exists()
        assert await is_dead(desk, value)
        assert await logout(away, say=said.append) == 0
        assert await token_error(away, "TokenException", "", None, say=said.append) == 69

    play(tmp_path, LIVE, scene)
    assert said[:2] == ["Logged out; the token is dead at the broker.", "No token was held."]
