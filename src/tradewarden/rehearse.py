"""Rehearses trading days: a script is played through the real machines and drivers in virtual time."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import assert_never

from tradewarden.machines.account import FEEDING
from tradewarden.orchestrator.calendar import OWN, CalendarError, load_calendar
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.statedir import token_file
from tradewarden.orchestrator.token import TokenStore
from tradewarden.rehearse_desk import Desk, owner_of, watched_file, wire
from tradewarden.rehearse_record import Record, Say
from tradewarden.rehearse_script import (
    ApiError,
    Behave,
    CalendarFile,
    ClockJump,
    Do,
    Expect,
    ScriptError,
    Start,
    Step,
    VenueStatus,
    read_script,
)
from tradewarden.rehearse_time import VirtualClock, VirtualLoop
from tradewarden.rehearse_world import RehearsedBroker

__all__ = ["ScriptError", "rehearse"]


def rehearse(lines: Iterable[str], say: Say, complain: Callable[[str], None]) -> bool:
    """Play a script; whether every expectation was met.

    `say` gets one object for each transition, dial, change of the headline and missed expectation; `complain` gets a
    sentence for each calendar file that cannot be used. Raises ScriptError before anything is played.
    """
    script = read_script(lines, segments=load_calendar().segments)
    with (
        tempfile.TemporaryDirectory(prefix="tradewarden-rehearsal-") as folder,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        return runner.run(_play(script, Path(folder), say, complain))


async def _play(script: Sequence[Step], state: Path, say: Say, complain: Callable[[str], None]) -> bool:
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError("a rehearsal plays on a loop of its own")
    async with asyncio.TaskGroup() as group:
        stage = _Stage(VirtualClock(loop, script[0].at), state, group, say, complain)
        try:
            for step in script:
                await stage.clock.until(step.at)
                stage.perform(step)
        finally:
            stage.clear()
    return stage.record.misses == 0


class _Stage:
    """What outlives the daemon of a rehearsal: the clock, the broker, the state directory, the record."""

    def __init__(
        self, clock: VirtualClock, state: Path, group: asyncio.TaskGroup, say: Say, complain: Callable[[str], None]
    ) -> None:
        self.clock = clock
        self.record = Record(clock, say)
        self._state = state
        self._group = group
        self._complain = complain
        self._deeds: set[asyncio.Task[None]] = set()
        self._broker = RehearsedBroker(clock.true_now)
        self._brokers = {FEEDING: self._broker}
        self._ledger = Ledger(state / "ledger.db")
        self._desk: Desk | None = None

    def perform(self, step: Step) -> None:
        """Let one line of the script happen, or hold the desk against it."""
        match step.event:
            case Start() as start:
                self._start(start)
            case Behave(wishes):
                self._broker.world.change(wishes)
                self._look_at_line()
            case Do(deed, account):
                self._do(deed, account)
            case ApiError() as error:
                self._report(error)
            case CalendarFile(toml):
                self._follow_calendar(step.line, toml)
            case ClockJump(seconds):
                self._jump(seconds)
            case VenueStatus(segment, status):
                self._push(segment, status)
            case Expect(facts):
                self.record.expect(step.line, facts)
            case _:
                assert_never(step.event)

    def clear(self) -> None:
        """End what still runs, without a word."""
        if self._desk is not None:
            self._desk.fall_silent()
        self._ledger.close()

    def _start(self, start: Start) -> None:
        for name in (FEEDING, *start.accounts):
            self._prepare(name, start)
        self._desk = wire(
            segments=start.segments,
            calendar=load_calendar(self._state),
            clock=self.clock,
            brokers={name: self._brokers[name] for name in (FEEDING, *start.accounts)},
            ledger=self._ledger,
            state=self._state,
            spawn=owner_of(self._group, self._deeds),
            deeds=self._deeds,
            dialled=self.record.dialled,
            watched=start.instruments,
        )
        self.record.follow(self._desk)
        self._desk.begin()

    def _prepare(self, account: str, start: Start) -> None:
        """An account's broker, and what lies in its files when the daemon starts."""
        named = account.upper()
        broker = self._brokers.setdefault(account, RehearsedBroker(self.clock.true_now, named, self._broker.world))
        own, watched = token_file(self._state, account), watched_file(self._state, account)
        if start.token is not None:
            own.unlink(missing_ok=True)
            watched.unlink(missing_ok=True)
        if start.token == "stored":  # noqa: S105 - the script's word
            TokenStore(own, now=self.clock.now).save(broker.mint(), user_id=broker.user, minted_at=start.stored_at)

    def _do(self, deed: str, account: str) -> None:
        desk, broker = self._desk, self._brokers.get(account, self._broker)
        match deed:
            case "login" if desk:
                desk.log_in(broker.log_in(), account)
            case "bad_login" if desk:
                desk.log_in("a request token that the broker does not know", account)
            case "token_file":
                self._save_token(broker, watched_file(self._state, account))
            case "drop_socket" if desk:
                desk.stream.drop()
            case "expire_token":
                broker.rules.expire()
            case "stop" if desk:
                desk.rest()
                self._desk = None
            case _:
                pass  # a cut line or a token that nobody holds: the network does not care whether the daemon runs

    def _save_token(self, broker: RehearsedBroker, path: Path) -> None:
        now = self.clock.now().timestamp()
        path.write_text(f"KITE_ACCESS_TOKEN={broker.mint()}\n")
        os.utime(path, (now, now))
        if self._desk is not None:
            self._desk.look_at_files()

    def _report(self, error: ApiError) -> None:
        if self._desk is not None:
            current = error.generation == "current"
            self._desk.report_error(error.kind, error.message, error.account, current=current)

    def _look_at_line(self) -> None:
        if self._desk is not None:
            self._desk.stream.look()

    def _push(self, segment: str, status: str) -> None:
        if self._desk is not None:
            self._desk.market.pushed(segment, status)

    def _jump(self, seconds: float) -> None:
        self.clock.step(seconds)
        if self._desk is not None:
            self._desk.jumped()

    def _follow_calendar(self, line: int, toml: str) -> None:
        """Layer one more file over the calendar; one that cannot be used is taken away again."""
        file = self._state / OWN / f"line-{line:06}.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(toml, encoding="utf-8")
        if self._desk is not None:
            self._desk.keeper.look()
        try:
            load_calendar(self._state)
        except CalendarError as error:
            file.unlink()
            self._complain(f"line {line}: the calendar stays as it is: {error}")
