"""What keepers are forked from: a process that does next to nothing, so that its memory stays theirs in common.

A page that it writes between two forks is a page that each keeper has for itself. So it reads one request, forks, and
reads the next one; everything else is done by the zygote, whose child it is.
"""

from __future__ import annotations

import gc
import marshal
import os
import resource  # noqa: F401 - os.wait4 wants it: here once and not in every keeper
import time

from tradewarden.orchestrator.keeper import Keeper
from tradewarden.orchestrator.keeping import badge, kernel, lock, signals
from tradewarden.orchestrator.keeping.ballast import fill
from tradewarden.orchestrator.keeping.brief import Brief, Facts
from tradewarden.orchestrator.keeping.rehearsal import rehearse

LARGEST = 1 << 18  # bytes of a request
REPORT, REQUESTS = 3, 4  # descriptors that the zygote gives it; a new keeper has the first of them for one word
_IGNORED = (signals.SIGTERM, signals.SIGINT, signals.SIGHUP, signals.SIGPIPE, signals.SIGQUIT, signals.SIGTSTP)


def live(report: int, requests: int) -> None:
    """Be the mould, with these two descriptors and nothing else of the process that it was forked from."""
    code = 1
    try:
        _let_go(report, requests)
        for number in _IGNORED:
            signals.ignore(number)  # for the keepers too: they end when their service is not wanted any more
        kernel.be_called("mould")
        if run_dir := os.fsdecode(os.read(REQUESTS, LARGEST)):  # nothing: the zygote has left
            serve(run_dir)
        code = 0
    finally:
        os._exit(code)


def _let_go(report: int, requests: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    above = os.dup(report), os.dup(requests)
    for each in (0, 1, 2):
        os.dup2(nothing, each)
    for mine, each in zip(above, (REPORT, REQUESTS)):  # noqa: B905 - two of each
        os.dup2(mine, each, inheritable=False)
    os.closerange(REQUESTS + 1, os.sysconf("SC_OPEN_MAX"))


def serve(run_dir: str) -> None:
    """Fork a keeper for each request until the zygote leaves."""
    badge.wear(run_dir)
    rehearse(run_dir)
    _move_in(run_dir)
    signals.ignore(signals.SIGCHLD)  # the kernel buries them
    gc.collect()
    gc.disable()
    _ballast = fill()
    gc.freeze()  # pages that no collection ever writes to are shared by all keepers
    while request := os.read(REQUESTS, LARGEST):
        try:
            pid = os.fork()
        except OSError as trouble:
            number, _ = marshal.loads(request)  # noqa: S302 - from the zygote, which is the only one to hold the other end
            _say(number, 0, f"no process to spare: {os.strerror(trouble.errno or 0)}")
            continue
        if not pid:
            _become_keeper(run_dir, *marshal.loads(request))  # noqa: S302 - the zygote's


def _move_in(run_dir: str) -> None:
    """Work where whoever looks for those that belong here finds it."""
    try:
        os.chdir(run_dir)
    except OSError:
        return  # somebody deleted it meanwhile; the zygote makes it again


def _become_keeper(run_dir: str, number: int, facts: Facts) -> None:
    """The new keeper's side; never returns."""
    code = 1
    try:
        signals.heed(signals.SIGCHLD)  # what the kernel buries, nobody learns the exit code of
        os.close(REQUESTS)
        os.chdir("/")
        os.setsid()
        keeper = _settle(run_dir, Brief(facts), number)
        if keeper is not None:
            keeper.run()
        code = 0
    except BaseException:  # noqa: BLE001 - a bug of ours: nobody is there to hear it but a file
        _write_fault(f"{run_dir}/{facts[0]}.fault")
    finally:
        os._exit(code)


def _settle(run_dir: str, brief: Brief, number: int) -> Keeper | None:
    """Become the keeper, and say so to the zygote; none when there is one already."""
    keeper = None
    try:
        own = lock.take(f"{run_dir}/{brief.name}.lock")
        keeper = Keeper(brief, run_dir, own) if own is not None else None
        word = "held" if keeper is None else "keeps"
    except OSError as trouble:
        word = f"{trouble.filename or run_dir}: {trouble.strerror}"
    except ValueError as trouble:
        word = f"its log's name has signs unknown here: {trouble}"
    _say(number, os.getpid(), word)
    os.close(REPORT)
    return keeper


def _say(number: int, pid: int, word: str) -> None:
    os.write(REPORT, b"%d %d %b" % (number, pid, word.encode(errors="replace")))


def _write_fault(path: str) -> None:
    import traceback  # noqa: PLC0415 - memory for something that never happens

    private = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with open(private, "a", encoding="utf-8") as file:
        file.write(f"{time.ctime()} keeper {os.getpid()}\n{traceback.format_exc()}\n")
