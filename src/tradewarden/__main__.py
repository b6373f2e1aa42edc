"""The command line: what a person types, and what the exit status says."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tradewarden.commands.interrupt import until_interrupted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

# ruff: noqa: PLC0415 - whatever takes time to load is loaded where Ctrl-C is heard


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 130 when Ctrl-C ended it."""

    def command() -> int:
        parsed = parser().parse_args(arguments)
        chosen: Callable[[argparse.Namespace], int] = parsed.command
        return chosen(parsed)

    return until_interrupted(command)


def parser() -> argparse.ArgumentParser:
    """Everything that may be typed."""
    import argparse

    from tradewarden import __version__
    from tradewarden.commands.every import COMMANDS

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
