"""The command line: what a person types, and what the exit status says."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

from tradewarden.commands.interrupt import until_interrupted

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from tradewarden.commands.argument import Adder

USUAL = 80  # columns of a terminal that does not say

# ruff: noqa: PLC0415 - whatever takes time to load is loaded where Ctrl-C is heard


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 130 when Ctrl-C ended it."""

    def command() -> int:
        words = sys.argv[1:] if arguments is None else arguments
        if arguments is None and words[:1] == ["run"]:
            gc.disable()  # until the daemon is there: whatever is loaded stays, and to look for garbage costs a fifth
        parsed = parser(words[0] if words else None).parse_args(words)
        chosen: Callable[[argparse.Namespace], int] = parsed.command
        return chosen(parsed)

    return until_interrupted(command)


def parser(first: str | None = None) -> argparse.ArgumentParser:
    """Everything that may be typed, or what may follow this first word: the daemon waits for no other command."""
    import argparse

    from tradewarden import __version__

    if first == "run":
        from tradewarden.commands.daemon import add_run

        adders: Sequence[Callable[[Adder], None]] = (add_run,)
    else:
        from tradewarden.commands import every

        adders = every.COMMANDS
    whole = argparse.ArgumentParser(
        prog="tradewarden", description=__doc__ and "The warden of a trading desk.", formatter_class=_formatter
    )
    whole.add_argument("--version", action="version", version=f"tradewarden {__version__}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND", prog=whole.prog)

    def add(name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, formatter_class=_formatter)
        sub.set_defaults(command=command)
        return sub

    for each in adders:
        each(add)
    return whole


def _formatter(prog: str) -> argparse.HelpFormatter:
    """As argparse makes it, without 3 ms for `shutil`, which it asks for the width each time."""
    import argparse
    import os

    try:
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(1).columns
    except (OSError, ValueError):
        columns = 0
    return argparse.HelpFormatter(prog, width=(columns or USUAL) - 2)


if __name__ == "__main__":
    sys.exit(main())
