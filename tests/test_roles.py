"""Who may use which path: everybody asks for everything, and gets what the table of http/needs.py gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection
from itertools import product
from socket import AF_UNIX, SOCK_STREAM, socket

import pytest

from live_desk import ADMIN, LiveDesk, live_desk
from tradewarden.http.needs import NEEDS, Way
from tradewarden.machines.role import Need, Role, Scope
from tradewarden.orchestrator.statedir import control_socket

ROLES = ("viewer", "trader", "admin")  # each may what the ones before may
PEOPLE = {"viewer": "vera", "trader": "asha", "admin": "boss"}
NOTHING = b"[]"  # no path takes a list: whoever is let through is told so, and nothing is done
ASKS = {"/api/backup": "?ticks=perhaps", "/api/validate": "?minutes=never"}  # these take no body
OUT = ("POST", "/sign-out")  # asked for at the end of this file
ROUTES = sorted(way for way in NEEDS if way[0] != "OPTIONS" and way != OUT)


@dataclass(frozen=True)
class Visitor:
    """Somebody who asks, and what is known of them besides."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    person: str = ""
    scopes: frozenset[str] | None = None  # of a token
    here: bool = True  # a program on this machine, no proxy
    socket: bool = False
    must_change: bool = False
    forged: bool = False  # a session whose own token another site cannot know

    def may(self, method: str, path: str) -> bool:
        """What the table means, in words of its own."""
        way: Way = NEEDS[method, path]
        if self.forged and method != "GET" and (method, path) != ("POST", "/api/session"):
            return False
        if way.need == Need.ANYBODY or (way.need == Need.MACHINE and self.here):
            return True
        if self.role is None or (self.must_change and not way.unchanged):
            return False
        need = "admin" if way.need == Need.MACHINE else str(way.need)
        if way.secrets and self.scopes is not None:
            return False
        return ROLES.index(self.role) >= ROLES.index(need) and (
            self.scopes is None or bool(self.scopes & {str(way.scope), "admin"})
        )


class Door:
    """One visitor's way in; an answer that lasts is left after its head."""

    def __init__(self, desk: LiveDesk, visitor: Visitor) -> None:
        self._desk, self._visitor = desk, visitor
        self._connection = self._opened()

    def _opened(self) -> HTTPConnection:
        connection = HTTPConnection("127.0.0.1", self._desk.port, timeout=10)
        if self._visitor.socket:
            connection.sock = socket(AF_UNIX, SOCK_STREAM)
            connection.sock.connect(str(control_socket(self._desk.state)))
        return connection

    def ask(self, method: str, path: str) -> tuple[int, str]:
        """The status, and the kind of a problem."""
        target = re.sub(r"\{\w+\}", f"nothing@{self._visitor.person}", path) + ASKS.get(path, "")
        body = None if method == "GET" else NOTHING
        self._connection.request(method, target, body, {"Content-Type": "application/json", **self._visitor.headers})
        said = self._connection.getresponse()
        if said.headers.get_content_type() == "text/event-stream":
            said.close()
            self._connection.close()
            self._connection = self._opened()
            return said.status, ""
        text = said.read()
        is_problem = said.headers.get_content_type() == "application/problem+json"
        return said.status, json.loads(text)["type"].rpartition("/")[2] if is_problem else ""

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    with live_desk(tmp_path_factory.mktemp("desk"), '[services.feed]\ncommand = ["sleep", "1000"]\n') as running:
        running.begin()
        yield running


def browser_of(answer: tuple[int, Message, bytes]) -> dict[str, str]:
    """What a browser sends from now on."""
    status, headers, said = answer
    assert status == 201, said
    return {"Cookie": headers["Set-Cookie"].partition(";")[0], "X-CSRF-Token": json.loads(said)["csrf"]}


def tokens_of(desk: LiveDesk, person: str) -> dict[Scope, str]:
    """One for each scope; made for an admin, as none is made for a role that can never use it."""
    return {
        scope: desk.ask("POST", "/api/tokens", {"name": scope, "scopes": [scope], "user": person})["token"]
        for scope in Scope
    }


def newcomer(desk: LiveDesk, name: str, role: str, tokens: dict[tuple[str, Scope], str]) -> tuple[str, dict[str, str]]:
    """Somebody new who has signed in with a one-time password."""
    password = desk.ask("POST", "/api/users", {"name": name, "role": "admin"})["oneTimePassword"]
    tokens |= {(role, scope): token for scope, token in tokens_of(desk, name).items()}
    if role != "admin":
        desk.ask("PATCH", f"/api/users/{name}", {"role": role})
    credentials = json.dumps({"name": name, "password": password}).encode()
    return password, browser_of(desk.answer("POST", "/api/session", credentials, {}))


def member(desk: LiveDesk, name: str, role: str, tokens: dict[tuple[str, Scope], str]) -> dict[str, str]:
    """Somebody who has chosen a password."""
    password, browser = newcomer(desk, name, role, tokens)
    chosen = json.dumps({"old": password, "new": "umbrellas are violet by night"}).encode()
    return browser_of(desk.answer("POST", "/api/session/password", chosen, browser))


@pytest.fixture(scope="module")
def visitors(desk: LiveDesk) -> dict[str, Visitor]:
    """Everybody there is, by name."""
    away = {"X-Forwarded-For": "203.0.113.9"}
    found = [
        Visitor("nobody"),
        Visitor("nobody_away", away, here=False),
        Visitor("wrong_token", {"Authorization": "Bearer wrong"}),
        Visitor("admin_token", {"Authorization": f"Bearer {ADMIN}"}, "admin"),
        Visitor("admin_token_away", {"Authorization": f"Bearer {ADMIN}", **away}, "admin", here=False),
        Visitor("control_socket", {"Host": "localhost"}, "admin", socket=True),
    ]
    tokens: dict[tuple[str, Scope], str] = {}
    for role, person in PEOPLE.items():
        browser = member(desk, person, role, tokens)
        found.append(Visitor(f"a_{role}", browser, role, person))
        found.append(Visitor(f"a_{role}_away", {**browser, **away}, role, person, here=False))
    found.append(Visitor("a_victim", {"Cookie": browser["Cookie"]}, "admin", forged=True))
    for (role, person), scope in product(PEOPLE.items(), Scope):
        headers = {"Authorization": f"Bearer {tokens[role, scope]}", **away}
        found.append(Visitor(f"{role}_token_{scope}", headers, role, person, frozenset({str(scope)}), here=False))
    found.append(Visitor("newcomer", newcomer(desk, "newcomer", "admin", {})[1], "admin", must_change=True))
    return {each.name: each for each in found}


NAMES = [
    *("nobody", "nobody_away", "wrong_token", "admin_token", "admin_token_away", "control_socket"),
    *(f"a_{role}{where}" for role in ROLES for where in ("", "_away")),
    *(f"{role}_token_{scope}" for role, scope in product(ROLES, Scope)),
    *("newcomer", "a_victim"),
]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_let_through_or_refused_as_the_table_says(
    name: str, desk: LiveDesk, visitors: dict[str, Visitor]
) -> None:
    visitor = visitors[name]
    wrong = {}
    with closing(Door(desk, visitor)) as door:
        for method, path in ROUTES:
            status, problem = door.ask(method, path)
            is_let_through = status not in (401, 403)
            if is_let_through != visitor.may(method, path):
                wrong[method, path] = status, problem
    assert wrong == {}


def test_nobody_was_forgotten(visitors: dict[str, Visitor]) -> None:
    assert sorted(visitors) == sorted(NAMES)
    assert {visitor.role for visitor in visitors.values()} == {None, *Role}


@pytest.mark.parametrize("name", ["nobody_away", "a_viewer", "viewer_token_run", "newcomer", "a_victim"])
def test_a_refusal_says_what_is_missing(name: str, desk: LiveDesk, visitors: dict[str, Visitor]) -> None:
    said = {
        "nobody_away": (401, "not-logged-in"),
        "a_viewer": (403, "forbidden"),
        "viewer_token_run": (403, "forbidden"),
        "newcomer": (403, "password-change"),
        "a_victim": (403, "csrf"),
    }
    with closing(Door(desk, visitors[name])) as door:
        assert door.ask("POST", "/api/desk/stop") == said[name]


def test_everybody_may_sign_out_but_nobody_is_signed_out_by_another_site(
    desk: LiveDesk, visitors: dict[str, Visitor]
) -> None:
    for visitor in sorted(visitors.values(), key=lambda each: not each.forged):
        with closing(Door(desk, visitor)) as door:
            assert door.ask(*OUT) == ((403, "csrf") if visitor.forged else (303, ""))
