"""Has one keeper forked for each service, at the word of a daemon; `python -I -S zygote.py RUN_DIR` runs it.

Keepers outlive it. Standard library only. What they are forked from is forked off first, before anything is loaded
that they have no use for.
"""

from __future__ import annotations

import os
import resource
import sys
from _collections_abc import Callable

# At the end, so that no module of ours (token, signals, ...) is taken for one of the standard library's.
sys.path.append(os.path.abspath(__file__ + "/../../.."))

from tradewarden.orchestrator.keeping.foundry import Foundry

LATER = "-"  # the place is told once somebody knows it


def main(arguments: list[str]) -> int:
    """`RUN_DIR`, or `-` when it comes over standard input and ends with a zero byte; and options.

    `--detach`: leave the caller, which is told when it serves; `--idle=SECONDS`: leave when nobody has needed it for so
    long; `--open-files=NUMBER`: what services may have open, where the caller may have more; `--stop-all-on-term`.
    """
    options = dict(each.partition("=")[::2] for each in arguments if each[:2] == "--")
    places = [each for each in arguments if each[:2] != "--"]
    if len(places) != 1 or not options.keys() <= {"--detach", "--idle", "--open-files", "--stop-all-on-term"}:
        sys.stderr.write("zygote.py RUN_DIR [--detach] [--idle=SECONDS] [--open-files=NUMBER] [--stop-all-on-term]\n")
        return 64
    if "--open-files" in options:
        _allow(int(options["--open-files"]))
    idle, stop_all = float(options.get("--idle", "inf")), "--stop-all-on-term" in options
    if "--detach" in options:
        return _detach(places[0], idle, stop_all=stop_all)
    return _serve(places[0], lambda: None, idle, stop_all=stop_all)


def _allow(files: int) -> None:
    """So many open files for the keepers and all that they start."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    except (OSError, ValueError):
        return  # more than this caller may have: then it may not have raised its own


def _detach(place: str, idle: float, *, stop_all: bool) -> int:
    """Serve in a session of one's own; returns to the caller as soon as keepers can be asked for."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(writing)
        return int(os.read(reading, 16) or b"1")
    os.close(reading)
    is_waiting, code = True, 1  # the caller is; afterwards that descriptor's number may be another file's

    def ready() -> None:
        nonlocal is_waiting
        nothing = os.open(os.devnull, os.O_RDWR)
        for each in (0, 1, 2):
            os.dup2(nothing, each)
        if nothing > 2:  # noqa: PLR2004 - else it is one of these
            os.close(nothing)
        os.write(writing, b"0")
        os.close(writing)
        is_waiting = False

    try:
        os.setsid()
        code = _serve(place, ready, idle, stop_all=stop_all)
        if is_waiting:
            os.write(writing, b"%d" % code)
    finally:
        os._exit(code)


def _serve(place: str, ready: Callable[[], None], idle: float, *, stop_all: bool) -> int:
    """The zygote's own life: what keepers are forked from rehearses while all else is loaded."""
    foundry = Foundry()
    from tradewarden.orchestrator.keeping import reception  # noqa: PLC0415 - it would be memory for each keeper

    run_dir = _told() if place == LATER else place
    return reception.serve(run_dir, foundry, ready, idle, stop_all=stop_all) if run_dir else 0


def _told() -> str:
    """Where to serve, once somebody knows; nowhere if nobody says so."""
    told = b""
    while not told.endswith(b"\0"):
        more = os.read(0, 1 << 13)
        if not more:
            return ""
        told += more
    return os.fsdecode(told[:-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
