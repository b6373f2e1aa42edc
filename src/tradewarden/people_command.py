"""The desk's people, their tokens and the record, for an admin at a terminal."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewarden.control import Control
from tradewarden.people_office import Document, Office, OfficeError, office

Say = Callable[[str], None]
Deed = Callable[[Office], Awaitable[tuple[Any, list[str]]]]  # what is told as JSON, and in words


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where it is told, and how."""

    say: Say
    complain: Say
    as_json: bool


async def tell(deed: Deed, control: Control, state: Path | None, terminal: Terminal) -> int:
    """Do it and tell it; exit status 0, or 1 with one sentence that says why not."""
    try:
        async with office(control, state) as found:
            body, lines = await deed(found)
    except OfficeError as trouble:
        terminal.complain(str(trouble))
        return 1
    for line in [json.dumps(body)] if terminal.as_json else lines:
        terminal.say(line)
    return 0


async def users(found: Office) -> tuple[Any, list[str]]:
    """Everybody, a line each."""
    told = await found.users()
    rows = [(user["name"], user["role"], _stands(user), f"{user['tokens']} tokens") for user in told]
    return {"users": told}, list(columns(rows)) or ["There is nobody: `tradewarden user add NAME --role trader`."]


def add(name: str, role: str, page: str) -> Deed:
    """Somebody new."""

    async def deed(found: Office) -> tuple[Any, list[str]]:
        told = await found.add(name, role)
        return told, [f"{name} is {an(role)}.", *_own_jobs(told), *_one_time(told, page)]

    return deed


def change(name: str, page: str, **what: Any) -> Deed:
    """Another role, in or out, another password."""

    async def deed(found: Office) -> tuple[Any, list[str]]:
        told = await found.change(name, **what)
        own = _own_jobs(told) if "role" in what else []
        return told, [f"{name}: {told['role']}, {_stands(told)}; signed out everywhere.", *own, *_one_time(told, page)]

    return deed


async def tokens(found: Office) -> tuple[Any, list[str]]:
    """All tokens, a line each."""
    told = await found.tokens()
    rows = [_row(each) for each in told]
    return {"tokens": told}, list(columns(rows)) or ["There is none: `tradewarden token add NAME --user USER`."]


def make(user: str, name: str, scopes: Sequence[str], days: int) -> Deed:
    """A new token."""

    async def deed(found: Office) -> tuple[Any, list[str]]:
        told = await found.make(user, name, scopes, days)
        return told, [f"{told['token']}", f"It works until {told['ends'][:10]} and is shown this once: keep it now."]

    return deed


def drop(number: int) -> Deed:
    """The end of a token."""

    async def deed(found: Office) -> tuple[Any, list[str]]:
        told = await found.drop(number)
        return told, [f"{told['user']}'s token {told['name']} does not work any more."]

    return deed


def audit(*, by: str | None, refused: bool, limit: int) -> Deed:
    """The record, oldest first, as a terminal is read."""

    async def deed(found: Office) -> tuple[Any, list[str]]:
        told = await found.entries(by=by, refused=refused, limit=limit)
        rows = [
            (
                each["at"][:19].replace("T", " "),
                "" if each["allowed"] else "refused",
                each["by"],
                each["action"],
                each["target"],
                each["detail"] or "",
            )
            for each in reversed(told)
        ]
        return {"entries": told}, list(columns(rows)) or ["Nothing is on record."]

    return deed


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows below each other."""
    plain = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    for row in plain:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _shown(cell: str) -> str:
    """Nothing that would move the cursor: some of it was typed by strangers."""
    return "".join(letter if letter.isprintable() else "?" for letter in cell)


def _stands(user: Document) -> str:
    if not user["enabled"]:
        return "disabled"
    return "one-time password" if user["mustChange"] else "enabled"


def _row(token: Document) -> tuple[str, ...]:
    ends = f"until {token['ends'][:10]}"
    return str(token["id"]), token["user"], token["name"], " ".join(token["scopes"]), ends, _used(token)


def _used(token: Document) -> str:
    return "never used" if token["used"] is None else f"used {token['used'][:10]}"


def an(role: str) -> str:
    """A trader; an admin."""
    return f"{'an' if role == 'admin' else 'a'} {role}"


def _own_jobs(told: Document) -> Iterable[str]:
    """What a new trader's jobs do not do by themselves."""
    if told["role"] != "trader":
        return []
    name = told["name"]
    return [f"{name}'s own jobs stand still until `tradewarden standing on --user {name}` lets them run on schedule."]


def _one_time(told: Document, page: str) -> Iterable[str]:
    password = told.get("oneTimePassword")
    if password is None:
        return []
    until, page = told["oneTimeUntil"][:16].replace("T", " "), told.get("signInAt", page)
    return [
        f"One-time password: {password}",
        f"It is shown this once and works until {until} IST, to sign in at {page} and choose another.",
    ]
