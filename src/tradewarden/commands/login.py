"""The token of the broker: got, tried, dropped."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tradewarden.commands.argument import Adder, add_config
from tradewarden.commands.configured import settings_with
from tradewarden.commands.terminal import BAD_CONFIGURATION, say

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _login(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_login import login

    settings = settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(login(settings, parsed.account, say=say, ask=sys.stdin.readline))


def _verify(parsed: argparse.Namespace) -> int:
    from tradewarden.verify_command import verify

    settings = settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(verify(settings, parsed.account, as_json=parsed.json, say=say))


def _logout(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_logout import logout

    settings = settings_with(parsed)
    return BAD_CONFIGURATION if settings is None else asyncio.run(logout(settings, parsed.account, say=say))


def _token_error(parsed: argparse.Namespace) -> int:
    from tradewarden.terminal_logout import token_error

    settings = settings_with(parsed)
    if settings is None:
        return BAD_CONFIGURATION
    return asyncio.run(token_error(settings, parsed.type, parsed.message, parsed.generation, parsed.account, say=say))


def add_login(add: Adder) -> None:
    """Everything about tokens."""
    login = add("login", _login, "log in to the broker from this terminal")

    verify = add("verify", _verify, "ask the broker, through the daemon, whether the token is good")
    verify.add_argument("--json", action="store_true", help="the answer as it is")

    logout = add("logout", _logout, "forget the broker's token and make it worthless at the broker")

    token_error = add("token-error", _token_error, "tell the daemon that another program met a dead token")
    token_error.add_argument("type", help="the broker's name of the error, such as TokenException")
    token_error.add_argument("message", nargs="?", default="", help="the broker's words")
    token_error.add_argument("--generation", type=int, help="of the token that was refused; default: the present one")

    for sub in (login, verify, logout, token_error):
        add_config(sub)
        sub.add_argument(
            "--account", metavar="NAME", help="one of [accounts]; default: the one that the ticks come with"
        )
