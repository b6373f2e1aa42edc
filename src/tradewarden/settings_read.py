"""The services of a configuration, read in a process of its own and written to standard output: a changed file."""

from __future__ import annotations

import sys
from pathlib import Path

from tradewarden.settings import load
from tradewarden.settings_apart import pack
from tradewarden.settings_sources import ConfigError


def main(arguments: list[str]) -> int:
    """The services and jobs, or what is wrong with the configuration as a list of sentences."""
    try:
        settings = load(Path(arguments[0]) if arguments else None)
        told: object = (*settings.programs, *settings.scheduled)
    except ConfigError as error:
        told = list(error.problems)
    sys.stdout.buffer.write(pack(told))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
