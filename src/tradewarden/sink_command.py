"""One sink in a process of its own: the same runner as in the daemon, and a file that tells the daemon how it does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog

from tradewarden import log
from tradewarden.feed.lock import HeldError, held
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.reader import tail
from tradewarden.feed.sinks.registry import STORES, sink_of
from tradewarden.machines.sink import BACKOFF
from tradewarden.orchestrator.clock import Clock, SystemClock
from tradewarden.orchestrator.sink_status import FOLDER, publish
from tradewarden.orchestrator.sinks import SinkRunner

BEAT = 1.0  # seconds between two reports
# How old the known end of the journal may be: less than the shortest pause before a store that broke off is opened
# again, or it would have ticks that the journal seems not to have given yet.
FRESH_NS = BACKOFF.floor // 2

logger = structlog.get_logger()


class SinkTakenError(Exception):
    """Another process carries this sink; the text says which."""


def values_of(section: Any) -> dict[str, Any]:
    """A table of the settings as its sink takes it: plain values, the secrets hidden from the log."""
    return {name: _plain(value) for name, value in vars(section).items() if name not in ("enabled", "process")}


def _plain(value: Any) -> Any:
    ask = getattr(value, "get_secret_value", None)
    if ask is None:
        return value
    log.hide(ask())
    return ask()


def objection(name: str, section: Any) -> str | None:
    """Why a process must not carry this sink; none when it may."""
    if not section.enabled:
        return f"sinks.{name} is not enabled: set sinks.{name}.enabled = true."
    if section.process != "own":
        return f'the daemon carries {name}: set sinks.{name}.process = "own" and restart it.'
    return None


async def sink(name: str, values: Mapping[str, Any], state: Path, stop: asyncio.Event) -> None:
    """Carry it until told to stop."""
    clock, journal, names = SystemClock(), state / "journal", Names(state / FILE)
    runner = SinkRunner(
        name,
        lambda: sink_of(name, values, names=names, state_dir=state),
        journal,
        clock,
        latest=_Tail(journal, clock),
        from_now=STORES[name].from_now,
        process="own",
    )
    carrying = asyncio.create_task(runner.run(), name=f"sink.{name}")
    stopped = asyncio.create_task(stop.wait(), name="stop")
    trouble: str | None = None
    try:
        while not stopped.done() and not carrying.done():
            runner.look()
            names.refresh()
            trouble = _tell(journal, runner, trouble)
            await asyncio.wait({stopped, carrying}, timeout=BEAT, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        carrying.cancel()
        await asyncio.wait({carrying, stopped})
    if not carrying.cancelled():
        carrying.result()


def _tell(journal: Path, runner: SinkRunner, told: str | None) -> str | None:
    """Leave the report; the trouble with that, of which one line is enough."""
    try:
        publish(journal, runner.report())
    except OSError as trouble:
        if trouble.strerror != told:
            logger.warning("sink.status_not_kept", sink=runner.name, why=trouble.strerror)
        return trouble.strerror
    return None


class _Tail:
    """The last number of the journal; its files are looked at twenty times a second at most."""

    def __init__(self, journal: Path, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._known, self._at = tail(journal), clock.mono_ns()

    def __call__(self) -> int:
        now = self._clock.mono_ns()
        if now - self._at > FRESH_NS:
            self._known, self._at = tail(self._journal), now
        return self._known


@contextmanager
def alone(name: str, state: Path) -> Iterator[None]:
    """Hold this sink for this process. Raises SinkTakenError while another one does."""
    folder = state / "journal" / FOLDER
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            stack.enter_context(held(folder / f"{name}.lock"))
        except HeldError as holder:
            raise SinkTakenError(
                f"another process (pid {holder}) carries {name} already: stop that one first."
            ) from None
        except OSError as trouble:
            raise SinkTakenError(
                f"{folder} cannot be used: {trouble.strerror}; set state_dir to the daemon's."
            ) from None
        yield
