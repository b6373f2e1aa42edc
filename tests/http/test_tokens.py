"""What the token of an admin may not: one that is found out does not make itself last."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from staff import Staffed, staffed, told
from tradewarden.machines.role import Role, Scope
from tradewarden.orchestrator import passwords


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Staffed]:
    async with staffed(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/users/boss", {"oneTime": True}),
        ("PATCH", "/api/users/boss", {"password": "green kettle on the sill"}),
        ("PATCH", "/api/users/chief", {"oneTime": True}),
        ("PATCH", "/api/users/chief", {"enabled": True, "password": "green kettle on the sill"}),
        ("PATCH", "/api/users/asha", {"role": "admin"}),
        ("PATCH", "/api/users/asha", {"role": "admin", "oneTime": True}),
        ("POST", "/api/users", {"name": "lata", "role": "admin"}),
    ],
)
async def test_a_token_that_is_found_out_makes_itself_no_admin(
    desk: Staffed, method: str, path: str, body: dict[str, Any]
) -> None:
    desk.members.people.add("chief", Role.ADMIN, by="test")
    before = desk.members.people.users()
    secret, _ = desk.members.tokens.make("boss", "all", [Scope.ADMIN])
    status, problem = await told(await desk.program(secret), method, path, json=body)
    assert (status, problem["detail"]) == (
        403,
        "a token makes no admin and gives none a password: sign in, or use the command line",
    )
    assert desk.members.people.users() == before


async def test_a_token_of_an_admin_looks_after_everybody_else(desk: Staffed) -> None:
    secret, _ = desk.members.tokens.make("boss", "all", [Scope.ADMIN])
    program = await desk.program(secret)
    assert (await told(program, "POST", "/api/users", json={"name": "lata", "role": "trader"}))[0] == 201
    assert (await told(program, "PATCH", "/api/users/lata", json={"oneTime": True, "role": "viewer"}))[0] == 200
    assert (await told(program, "PATCH", "/api/users/lata", json={"enabled": False}))[0] == 200
