"""The people of a desk, as the ledger keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from staff import HandClock
from tradewarden.machines.role import Role, Scope
from tradewarden.orchestrator import passwords
from tradewarden.orchestrator.api_tokens import MOST as MOST_TOKENS
from tradewarden.orchestrator.ledger import Ledger, LedgerError
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.people import NobodyError, PeopleError, Trader
from tradewarden.orchestrator.sessions import MOST as MOST_SESSIONS

CLOCK = HandClock()


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


@pytest.fixture
def members(tmp_path: Path) -> Iterator[Membership]:
    Ledger(tmp_path / "ledger.db").close()
    opened = Membership(tmp_path / "ledger.db", now=CLOCK.now)
    yield opened
    opened.close()


def again(members: Membership) -> Membership:
    """As the next daemon finds it."""
    return Membership(members._file.path, now=CLOCK.now)


async def test_the_first_admin_is_made_once_with_a_password_that_is_kept_nowhere(members: Membership) -> None:
    password = members.people.first()
    assert password is not None
    admin = members.people.named("admin")
    assert (admin.role, admin.enabled, admin.one_time_until) == (Role.ADMIN, True, CLOCK.now() + timedelta(days=3))
    assert await members.proven("admin", password) is admin
    assert members.people.first() is None
    assert again(members).people.first() is None
    assert all(password.encode() not in file.read_bytes() for file in members._file.path.parent.iterdir())


@pytest.mark.parametrize("name", ["", "a" * 33, "Asha", "a b", "a@b", "../x", "é", "a\n", "-a"])
def test_a_name_that_would_be_no_good_in_a_files_name_is_refused(members: Membership, name: str) -> None:
    with pytest.raises(PeopleError, match="1 to 32 of a-z, 0-9 and _"):
        members.people.add(name, Role.VIEWER, by="test")


def test_nobody_is_there_twice(members: Membership) -> None:
    members.people.add("asha", Role.VIEWER, by="test")
    with pytest.raises(PeopleError, match="asha is there already"):
        members.people.add("asha", Role.ADMIN, by="test")
    assert members.people.named("asha").role is Role.VIEWER


def test_the_last_admin_is_neither_disabled_nor_made_anything_else(members: Membership) -> None:
    members.people.add("boss", Role.ADMIN, by="test")
    members.people.add("other", Role.ADMIN, by="test")
    members.people.change("other", enabled=False)
    changes: list[dict[str, Any]] = [{"enabled": False}, {"role": Role.TRADER}, {"role": Role.VIEWER, "enabled": False}]
    for what in changes:
        with pytest.raises(PeopleError, match="boss is the last admin who is enabled"):
            members.people.change("boss", **what)
    members.people.change("other", enabled=True)
    assert not members.people.change("boss", enabled=False).enabled


def test_nobody_is_told_of_who_is_not_there(members: Membership) -> None:
    for deed in (members.people.named, members.people.renew, lambda name: members.people.change(name, enabled=True)):
        with pytest.raises(NobodyError, match="nobody is called 'asha'"):
            deed("asha")


def test_traders_are_told_by_name_and_news_of_them_comes_at_once(members: Membership) -> None:
    told: list[tuple[Trader, ...]] = []
    members.people.subscribe(lambda: told.append(members.people.traders()))
    members.people.add("ravi", Role.TRADER, by="test")
    members.people.add("asha", Role.TRADER, by="test")
    members.people.add("boss", Role.ADMIN, by="test")
    members.people.change("ravi", enabled=False)
    assert told[1:] == [(Trader("asha"), Trader("ravi"))] * 2 + [(Trader("asha"),)]


async def test_everything_is_as_it_was_for_the_next_daemon(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="boss")
    members.people.own("asha", await members.passwords.sealed("violet umbrella kettle"))
    cookie, _ = members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    secret, _ = members.tokens.make("asha", "nightly", [Scope.READ, Scope.RUN])
    later = again(members)
    assert later.people.users() == members.people.users()
    assert later.by_cookie(cookie) == members.by_cookie(cookie)
    assert later.by_token(secret) == members.by_token(secret)
    assert await later.proven("asha", "violet umbrella kettle") is not None


@pytest.mark.parametrize("deed", ["disable", "role", "renew", "own"])
async def test_any_change_of_somebody_ends_their_sessions_also_for_the_next_daemon(
    members: Membership, deed: str
) -> None:
    for name in ("asha", "ravi"):
        members.people.add(name, Role.TRADER, by="test")
    asha, _ = members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    ravi, _ = members.sign_in(members.people.named("ravi"), "127.0.0.1", instead_of=None)
    match deed:
        case "disable":
            members.people.change("asha", enabled=False)
            members.people.change("asha", enabled=True)  # and they do not come back
        case "role":
            members.people.change("asha", role=Role.ADMIN)
        case "renew":
            members.people.renew("asha")
        case _:
            members.people.own("asha", "once$4$eA==$eA==")
    for each in (members, again(members)):
        assert each.by_cookie(asha) is None
        assert each.by_cookie(ravi) is not None


async def test_who_is_disabled_while_the_password_is_looked_at_does_not_get_in(members: Membership) -> None:
    password = members.people.add("asha", Role.TRADER, by="test")
    proof = asyncio.create_task(members.proven("asha", password))
    await asyncio.sleep(0)
    members.people.change("asha", enabled=False)
    assert await proof is None


async def test_a_password_that_an_admin_takes_meanwhile_is_not_chosen(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    choice = asyncio.create_task(members.choose(members.people.named("asha"), "violet umbrella kettle"))
    await asyncio.sleep(0)
    members.people.renew("asha")
    assert not await choice
    assert await members.proven("asha", "violet umbrella kettle") is None


def test_somebody_has_so_many_sessions_and_the_one_unused_for_longest_ends(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    user, cookies = members.people.named("asha"), []
    for _ in range(MOST_SESSIONS + 1):
        cookies.append(members.sign_in(user, "127.0.0.1", instead_of=None)[0])
        CLOCK.goes_on(seconds=1)
    assert [members.by_cookie(cookie) is not None for cookie in cookies] == [False] + [True] * MOST_SESSIONS


def test_a_look_is_no_use_and_a_late_use_reaches_the_ledger_with_the_heartbeat(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    cookie, session = members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    begun = session.used
    CLOCK.goes_on(hours=1)
    members.by_cookie(cookie, use=False)
    assert session.used == begun
    members.by_cookie(cookie)
    members.look()
    CLOCK.goes_on(hours=11.5)
    assert again(members).by_cookie(cookie) is not None


def test_what_is_over_is_forgotten_with_the_heartbeat(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    members.tokens.make("asha", "nightly", [Scope.READ], days=1)
    CLOCK.goes_on(days=32)
    members.look()
    assert members._file.read("SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM tokens)") == [(0, 0)]
    assert members.tokens.of() == []


def test_a_token_ends_with_its_time_its_person_or_its_end(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    secrets = [members.tokens.make("asha", name, [Scope.RUN], days=2)[0] for name in ("a", "b")]
    visit = members.by_token(secrets[0])
    assert visit is not None
    assert (visit.person.by, visit.person.scopes, visit.csrf) == ("asha's token a", frozenset({Scope.RUN}), None)
    members.tokens.drop(1)
    assert [members.by_token(secret) is not None for secret in secrets] == [False, True]
    members.people.change("asha", enabled=False)
    assert members.by_token(secrets[1]) is None
    members.people.change("asha", enabled=True)
    assert members.by_token(secrets[1]) is not None
    CLOCK.goes_on(days=2)
    assert members.by_token(secrets[1]) is None


@pytest.mark.parametrize("secret", ["", "tw_", "tw_" + "x" * 43, "tw_" + "x" * 10_000, "x", "tw_\udcff"])
def test_what_is_no_token_is_nobodys(members: Membership, secret: str) -> None:
    assert members.by_token(secret) is None


def test_a_number_of_a_token_never_means_another_one(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    _, first = members.tokens.make("asha", "a", [Scope.READ])
    members.tokens.drop(first.id)
    _, second = members.tokens.make("asha", "a", [Scope.READ])
    assert second.id != first.id


@pytest.mark.parametrize(("name", "days"), [("", 1), ("x" * 65, 1), ("a\nb", 1), ("a", 0), ("a", 3651), ("a", 10**12)])
def test_a_token_has_a_name_that_can_be_shown_and_an_end(members: Membership, name: str, days: int) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    with pytest.raises(PeopleError, match="a token"):
        members.tokens.make("asha", name, [Scope.READ], days=days)


def test_nobody_has_tokens_without_end(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    with members._file.write() as db:
        db.executemany(
            "INSERT INTO tokens (digest, user, name, scopes, created, ends) VALUES (?, 'asha', ?, 'read', 0, ?)",
            [(str(number), str(number), 1 << 51) for number in range(MOST_TOKENS)],
        )
    with pytest.raises(PeopleError, match="has 50 tokens"):
        again(members).tokens.make("asha", "more", [Scope.READ])


def test_a_ledger_that_takes_nothing_changes_nobody_and_keeps_nobody_from_signing_in(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    members._file._db.execute("PRAGMA query_only = 1")
    with pytest.raises(LedgerError):
        members.people.change("asha", enabled=False)
    assert members.people.named("asha").enabled
    cookie, session = members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    assert members.by_cookie(cookie) is not None
    members.sign_out(session.digest)
    assert members.by_cookie(cookie) is None
    members._file._db.execute("PRAGMA query_only = 0")


def test_a_sign_out_that_the_ledger_did_not_take_is_tried_again(members: Membership) -> None:
    members.people.add("asha", Role.TRADER, by="test")
    cookie, session = members.sign_in(members.people.named("asha"), "127.0.0.1", instead_of=None)
    members._file._db.execute("PRAGMA query_only = 1")
    members.sign_out(session.digest)
    members._file._db.execute("PRAGMA query_only = 0")
    members.look()
    assert again(members).by_cookie(cookie) is None
