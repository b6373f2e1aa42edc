"""The daemon: for real, as a demo, and tried out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tradewarden.commands.argument import Adder, add_config, moment
from tradewarden.commands.configured import settings_and_calendar
from tradewarden.commands.terminal import BAD_CONFIGURATION, complain, keep_private, live, say

if TYPE_CHECKING:
    import asyncio
    import socket

    from tradewarden.daemon import Desk
    from tradewarden.machines.calendar import Calendar
    from tradewarden.orchestrator.desk import DeskDriver
    from tradewarden.orchestrator.launch import Launch
    from tradewarden.settings import Settings

    Configured = tuple[Settings, bytes, bytes | None]  # the calendar, packed; what to keep for the next start

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _run(parsed: argparse.Namespace) -> int:
    launch = _launch(parsed.config)
    from tradewarden.lean import keep_heap_small

    keep_heap_small()
    found = _apart(parsed.config, launch)
    if found is None:
        return BAD_CONFIGURATION
    from tradewarden import early_log
    from tradewarden.feed.journal_lock import JournalError
    from tradewarden.http.door import CannotListenError
    from tradewarden.orchestrator import descriptors
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.orchestrator.keepers import KeepersError
    from tradewarden.orchestrator.ledger import LedgerError
    from tradewarden.orchestrator.statedir import StateDirectoryError, claim
    from tradewarden.settings_apart import unpack
    from tradewarden.settings_kept import keep
    from tradewarden.wiring.vanguard import Vanguard

    (settings, calendar, note), launch = found
    packed = [(calendar, note)]
    del found, calendar, note  # a third of a megabyte: whoever takes it from there is the last to hold it
    early_log.hold(partial(_make_log, settings.log.level))
    programs: list[DeskDriver] = []

    def unpacked(calendar: bytes, note: bytes | None) -> Calendar:
        if note is not None:
            keep(settings.state_dir, note)
        told: Calendar = unpack(calendar)
        return told

    async def scene(stop: asyncio.Event) -> None:
        async with Vanguard(settings, SystemClock(), launch) as ahead:
            programs.append(ahead.programs)
            begin = partial(_begin, _address(settings.http.host, ahead.listeners[0]))
            daemon = await ahead.lead(_load_rest)
            await daemon.run(settings, unpacked(*packed.pop()), SystemClock(), stop, begin, ahead=ahead)

    descriptors.take_all()
    keep_private()
    code = 1
    try:
        with claim(settings.state_dir):
            code = live(scene)
    except (StateDirectoryError, LedgerError, JournalError, KeepersError, CannotListenError) as error:
        early_log.tell()
        complain(str(error))
    if sys.stderr.isatty():
        complain(*(sentence for each in programs for sentence in _left_running(each.running)))
    return code


def _address(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def _begin(address: str, desk: Desk) -> None:
    import asyncio
    import gc

    from tradewarden.wiring.people import first_admin

    gc.enable()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, desk.reload)
    if (told := first_admin(desk.members)) is not None:
        complain(told)  # beside the log: a password is nothing for its files
    if sys.stdout.isatty():
        _tell_start(desk)
    if sys.stderr.isatty():
        complain(f"the page is at {address}.", *_left_down(desk.programs.stopped, desk.jobs.resting))


def _tell_start(desk: Desk) -> None:
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.run_terminal import tell_start
    from tradewarden.screen import Screen

    tell_start(desk.programs, SystemClock().now, Screen(sys.stdout))


def _left_down(names: Sequence[str], resting: str | None) -> list[str]:
    """What a person who starts the daemon would wait for in vain: what somebody has stopped before."""
    lines = [f"no job begins, since {resting}: `tradewarden start --all` ends that."] if resting else []
    if names:
        it, stay = ("it", "stays") if len(names) == 1 else ("them", "stay")
        start = f"`tradewarden start {' '.join(names)}` starts {it}"
        lines.append(f"{', '.join(names)} {stay} down, as somebody has stopped {it}: {start}.")
    return lines


def _left_running(names: Sequence[str]) -> list[str]:
    """What a person who ends the daemon must know: it ended alone."""
    if not names:
        return []
    many = "1 program keeps" if len(names) == 1 else f"{len(names)} programs keep"
    return [f"{many} running: {', '.join(names)}. `tradewarden down` stops them; the next daemon takes them over."]


def _apart(config: Path | None, launch: Launch | None) -> tuple[Configured, Launch | None] | None:
    """The settings, kept from the last start or read apart, and whom to ask for keepers.

    The daemon has the values and not the reader; it loads itself meanwhile, and so does the process that keepers come
    from. The calendar is packed: programs start without it.
    """
    from tradewarden.settings_grounds import grounds

    before = grounds(config)
    from tradewarden.settings_apart import pack, plain, said_apart
    from tradewarden.settings_kept import kept, recalled

    known = None if before is None else recalled(before)

    def ask() -> Configured | None:
        configured = settings_and_calendar(config, lenient=True)
        if configured is None:
            return None
        settings, calendar = plain(configured[0]), pack(configured[1])
        del settings.services, settings.people  # what they make is in programs, scheduled and traders
        is_whole = before is not None and grounds(config) == before  # else it was written to while it was read
        return settings, calendar, kept(settings, calendar, before) if before is not None and is_whole else None

    configured = said_apart(ask, meanwhile=_load_vanguard) if known is None else (*known, None)
    if launch is not None and not _goes(launch, configured):
        launch = None
    if known is not None:
        _load_vanguard()
    return configured and (configured, launch)


def _launch(config: Path | None) -> Launch | None:
    """The process that keepers come from, on its way before anybody has understood the settings: first of all."""
    from tradewarden.orchestrator.launch import Launch
    from tradewarden.settings_state import FILES, find

    try:
        file = config or find(FILES)
        is_wanted = file is not None and b"services" in file.read_bytes() and "NOTIFY_SOCKET" not in os.environ
        return Launch() if is_wanted else None
    except OSError:
        return None  # whoever asks for a keeper, or for the settings, says so


def _goes(launch: Launch, configured: Configured | None) -> bool:
    """Tell it where to serve, if it is needed."""
    from tradewarden.orchestrator.launch import is_there

    if configured is None or not configured[0].programs or is_there(configured[0].run_dir):
        launch.call_off()
        return False
    launch.go(configured[0].run_dir)
    return True


def _make_log(level: str) -> None:
    from tradewarden import log
    from tradewarden.orchestrator.clock import SystemClock

    log.configure(level, clock=SystemClock().now if sys.stdout.isatty() else None)


def _load_rest() -> ModuleType:
    from tradewarden.early_log import tell

    tell()
    return import_module("tradewarden.daemon")


def _load_vanguard() -> None:
    import_module("tradewarden.wiring.vanguard")


def _demo(parsed: argparse.Namespace) -> int:
    from tradewarden.lean import import_structlog

    import_structlog()
    from tradewarden import log
    from tradewarden.demo import START, demo
    from tradewarden.http.door import CannotListenError
    from tradewarden.orchestrator.clock import ShiftedClock
    from tradewarden.simulator.kite import PortError

    start = parsed.at or START
    log.configure("warning", stream=sys.stderr, clock=ShiftedClock(start).now if sys.stderr.isatty() else None)
    try:
        return live(lambda stop: demo(port=parsed.port, start=start, auto_login=parsed.auto_login, stop=stop, say=say))
    except (CannotListenError, PortError) as error:
        reason = (error.strerror or str(error)).partition(";")[0]
        desk, other = parsed.port, parsed.port + 10
        complain(
            f"{reason}. The demo takes two ports, {desk} for the desk and {desk + 1} for the simulated broker:"
            f" choose another pair with `make run PORT={other}`, or `tradewarden demo --port {other}`."
        )
        return 1


def _selftest(parsed: argparse.Namespace) -> int:
    import asyncio

    from tradewarden import log
    from tradewarden.selftest import selftest

    log.configure("error", stream=sys.stderr)
    return 0 if asyncio.run(selftest(parsed.url, say)) else 1


def add_run(add: Adder) -> None:
    """The daemon itself."""
    add_config(add("run", _run, "run the daemon"))

    demo = add("demo", _demo, "run the daemon on a simulated broker, a minute before the market opens")
    demo.add_argument("--port", type=int, default=8700, help="the desk's port; the simulated broker takes the next one")
    demo.add_argument("--at", type=moment, help="when the desk's clock starts (ISO 8601; IST without an offset)")
    demo.add_argument("--auto-login", action="store_true", help="start with a good token instead of asking for a login")


def add_selftest(add: Adder) -> None:
    """Whether it works."""
    text = "one plain line per machine and for the health answer: working, or what is wrong"
    add("selftest", _selftest, text).add_argument(
        "--url", help="a running daemon; without it a demo desk is started and tried"
    )
