"""The least that a supervisor can do: `bare_parent.py FILE`; starts what it lists, and each again when it ends."""

import json
import os
import select
import sys


def main(path: str) -> None:
    """Wait on pidfds for ever."""
    with open(path, encoding="utf-8") as listed:  # noqa: PTH123 - pathlib costs more than the rest of this program
        commands: list[list[str]] = json.load(listed)
    waiting = select.poll()
    running: dict[int, tuple[int, list[str]]] = {}

    def start(command: list[str]) -> None:
        pid = os.posix_spawn(command[0], command, os.environ)
        handle = os.pidfd_open(pid)
        running[handle] = pid, command
        waiting.register(handle, select.POLLIN)

    for command in commands:
        start(command)
    while True:
        for handle, _ in waiting.poll():
            pid, command = running.pop(handle)
            waiting.unregister(handle)
            os.close(handle)
            os.waitpid(pid, 0)
            start(command)


if __name__ == "__main__":
    main(sys.argv[1])
