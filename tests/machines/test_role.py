"""Who may do what: roles, scopes, and what a path needs."""

from __future__ import annotations

import pytest

from tradewarden.machines.role import Need, Person, Role, Scope, Visit

NEEDS = {
    Need.ANYBODY: {Role.VIEWER, Role.TRADER, Role.ADMIN},
    Need.MACHINE: {Role.ADMIN},
    Need.VIEWER: {Role.VIEWER, Role.TRADER, Role.ADMIN},
    Need.TRADER: {Role.TRADER, Role.ADMIN},
    Need.ADMIN: {Role.ADMIN},
}


def test_the_words_are_the_agreed_ones() -> None:
    assert [str(role) for role in Role] == ["viewer", "trader", "admin"]
    assert [str(scope) for scope in Scope] == ["read", "run", "verify", "admin"]
    assert [str(need) for need in Need] == ["anybody", "machine", "viewer", "trader", "admin"]


def test_a_visit_without_a_browser_has_no_session_and_nothing_to_change() -> None:
    visit = Visit(person=person(Role.VIEWER))
    assert (visit.session, visit.csrf, visit.proven, visit.must_change) == (None, None, None, False)


def person(role: Role, *scopes: Scope, name: str = "asha") -> Person:
    return Person(name=name, role=role, by=name, scopes=frozenset(scopes) if scopes else None)


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_ones_before_may(role: Role, need: Need) -> None:
    for scope in Scope:
        assert person(role).may(need, scope) is (role in NEEDS[need])


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("has", Scope)
@pytest.mark.parametrize("scope", Scope)
def test_a_token_gives_what_its_scope_says_and_never_more_than_its_person_has(
    role: Role, need: Need, has: Scope, scope: Scope
) -> None:
    may = role in NEEDS[need] and (need is Need.ANYBODY or has in (scope, Scope.ADMIN))
    assert person(role, has).may(need, scope) is may


def test_a_token_without_any_scope_may_what_anybody_may() -> None:
    nothing = Person(name="asha", role=Role.ADMIN, by="asha", scopes=frozenset())
    assert [need for need in Need if any(nothing.may(need, scope) for scope in Scope)] == [Need.ANYBODY]


@pytest.mark.parametrize(
    ("role", "name", "user", "sees"),
    [
        (Role.ADMIN, "boss", "asha", True),
        (Role.ADMIN, "", "", True),
        (Role.TRADER, "asha", "asha", True),
        (Role.TRADER, "asha", "ravi", False),
        (Role.TRADER, "asha", "", False),
        (Role.VIEWER, "asha", "asha", True),
        (Role.VIEWER, "", "", False),
    ],
)
def test_everybody_sees_their_own_and_an_admin_sees_all(role: Role, name: str, user: str, sees: bool) -> None:  # noqa: FBT001 - a table
    assert person(role, name=name).sees(user) is sees
