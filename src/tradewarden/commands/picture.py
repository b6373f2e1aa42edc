"""What a running daemon says of itself."""

from __future__ import annotations

import argparse
import asyncio

from tradewarden.commands.argument import Adder, add_door
from tradewarden.commands.configured import door_of
from tradewarden.commands.terminal import say

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _status(parsed: argparse.Namespace) -> int:
    from tradewarden.status import status

    return asyncio.run(status(*door_of(parsed), as_json=parsed.json, every=parsed.watch, say=say))


def _gaps(parsed: argparse.Namespace) -> int:
    from tradewarden.gaps_command import gaps

    return asyncio.run(gaps(*door_of(parsed), limit=parsed.limit, as_json=parsed.json, say=say))


def _instruments(parsed: argparse.Namespace) -> int:
    from tradewarden.instruments_command import instruments

    return asyncio.run(instruments(*door_of(parsed), as_json=parsed.json, say=say))


def add_picture(add: Adder) -> None:
    """What it says now, and when data did not come."""
    status = add("status", _status, "what a running daemon says: the headline, then the machines")
    add_door(status)
    status.add_argument("--watch", type=float, metavar="SECONDS", help="say it again every so often")

    gaps = add("gaps", _gaps, "when data was due and did not come, newest first")
    add_door(gaps)
    gaps.add_argument("--limit", type=int, default=20, help="how many to tell (default 20)")


def add_instruments(add: Adder) -> None:
    """What is streamed."""
    add_door(add("instruments", _instruments, "what is streamed, which rule wants it, and how fresh the dump is"))
