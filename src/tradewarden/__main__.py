"""The command line: what a person types, and what the exit status says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tradewarden import __version__
from tradewarden.commands.backup import add_backup
from tradewarden.commands.broker import add_broker
from tradewarden.commands.calendar import add_calendar
from tradewarden.commands.check import add_check
from tradewarden.commands.daemon import add_run, add_selftest
from tradewarden.commands.desk import add_desk
from tradewarden.commands.login import add_login
from tradewarden.commands.picture import add_instruments, add_picture
from tradewarden.commands.stores import add_query, add_retention, add_stores, add_validate

COMMANDS = (
    add_run,
    add_check,
    add_selftest,
    add_picture,
    add_desk,
    add_stores,
    add_instruments,
    add_query,
    add_login,
    add_broker,
    add_backup,
    add_validate,
    add_retention,
    add_calendar,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well."""
    parsed = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = parsed.command
    return command(parsed)


def parser() -> argparse.ArgumentParser:
    """Everything that may be typed."""
    whole = argparse.ArgumentParser(prog="tradewarden", description=__doc__ and "The warden of a trading desk.")
    whole.add_argument("--version", action="version", version=f"tradewarden {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(command=command)
        return sub

    for each in COMMANDS:
        each(add)
    return whole


if __name__ == "__main__":
    sys.exit(main())
