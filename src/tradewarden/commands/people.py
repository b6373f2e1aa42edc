"""Who may what: the desk's people, their API tokens, and the record of what was done."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Any

from tradewarden.commands.argument import Adder, add_door, count
from tradewarden.commands.configured import control_of, way_of
from tradewarden.commands.terminal import complain, keep_private, say

if TYPE_CHECKING:
    from tradewarden.people_command import Deed

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small

ROLES = ("viewer", "trader", "admin")
SCOPES = ("read", "run", "verify", "admin")


def _tell(parsed: argparse.Namespace, deed: Deed) -> int:
    from tradewarden.people_command import Terminal, tell

    keep_private()
    settings = way_of(parsed.config)
    control = control_of(parsed.url, settings)
    state = settings.state_dir if parsed.url is None else None
    terminal = Terminal(say, complain, parsed.json)
    return asyncio.run(tell(deed, control, state, terminal))


def _user(parsed: argparse.Namespace) -> int:
    from tradewarden import people_command as people

    page = f"{way_of(parsed.config).http.public_url}/sign-in"
    deed: Deed
    match parsed.deed:
        case "list":
            deed = people.users
        case "add":
            deed = people.add(parsed.name, parsed.role, page)
        case "role":
            deed = people.change(parsed.name, page, role=parsed.role)
        case "passwd":
            what = {"password": _typed()} if parsed.stdin else {"oneTime": True}
            deed = people.change(parsed.name, page, **what)
        case _:
            deed = people.change(parsed.name, page, enabled=parsed.deed == "enable")
    return _tell(parsed, deed)


def _typed() -> str:
    """A password from whoever sits there, unseen, or from a pipe; never from the arguments, which everybody sees."""
    import getpass

    if sys.stdin.isatty():
        return getpass.getpass("New password: ")
    return sys.stdin.readline().rstrip("\n")


def _token(parsed: argparse.Namespace) -> int:
    from tradewarden import people_command as people

    match parsed.deed:
        case "list":
            return _tell(parsed, people.tokens)
        case "add":
            return _tell(parsed, people.make(parsed.user, parsed.name, parsed.scope or ["read"], parsed.days))
        case _:
            return _tell(parsed, people.drop(parsed.number))


def _audit(parsed: argparse.Namespace) -> int:
    from tradewarden.people_command import audit

    return _tell(parsed, audit(by=parsed.by, refused=parsed.refused, limit=parsed.limit))


def add_people(add: Adder) -> None:
    """Users, tokens, and the record."""
    text = "the desk's people: a role for each, and a password of their own; works without a daemon, too"
    deed = _deeds(add("user", _user, text))
    new = deed("add", "somebody new; prints a one-time password, once")
    new.add_argument("name", help="1 to 32 of a-z, 0-9 and _")
    new.add_argument("--role", choices=ROLES, default="viewer", help="default: viewer")
    deed("list", "everybody: role, whether enabled, how many tokens")
    other = deed("passwd", "a new one-time password for somebody who lost theirs, printed once; signs them out")
    other.add_argument("name")
    other.add_argument("--stdin", action="store_true", help="read a password of their own from standard input instead")
    for verb, words in (
        ("disable", "somebody is out, at once and everywhere, tokens too; the last admin stays"),
        ("enable", "somebody is in again"),
        ("role", "another role"),
    ):
        each = deed(verb, words)
        each.add_argument("name")
        if verb == "role":
            each.add_argument("role", choices=ROLES)

    deed = _deeds(add("token", _token, "API tokens: a person's leave for a program, for some purposes and some time"))
    token = deed("add", "a new one; printed once")
    token.add_argument("name", help="what it is for, such as nightly")
    token.add_argument("--user", required=True, help="whose it is: it never gives more than that person has")
    token.add_argument("--scope", action="append", choices=SCOPES, help="several times; default: read")
    token.add_argument("--days", type=count, default=90, help="for how long (default 90)")
    deed("list", "all of them, without their secrets")
    deed("drop", "it does not work any more").add_argument("number", type=count, help="as `token list` tells it")

    record = add("audit", _audit, "who did what, and who was refused what")
    record.add_argument("--by", help="only what this person did, with all their tokens; or this one token or address")
    record.add_argument("--refused", action="store_true", help="only refusals")
    record.add_argument("--limit", type=count, default=50, help="how many rows (default 50, at most 500)")
    add_door(record)


def _deeds(sub: argparse.ArgumentParser) -> Any:
    deeds = sub.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="deed")

    def deed(name: str, text: str) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = deeds.add_parser(name, help=text, description=text)
        add_door(found)
        return found

    return deed
