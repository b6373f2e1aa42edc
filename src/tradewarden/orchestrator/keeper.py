"""Keeps one program alive over many lives: its parent, its log, its memory, and nobody's child.

Standard library only, so that it needs no virtual environment and outlives an upgrade of the package. The table of its
states and of what each event does in them is in docs/keeper.md.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Container

from tradewarden.orchestrator.keeping import birth, control, kernel
from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.clocks import Chance, Clocks, chance
from tradewarden.orchestrator.keeping.compress import Compressor
from tradewarden.orchestrator.keeping.control import Control
from tradewarden.orchestrator.keeping.diary import Diary
from tradewarden.orchestrator.keeping.family import ticks
from tradewarden.orchestrator.keeping.figures import Figures
from tradewarden.orchestrator.keeping.life import Life, Nursery, Voice
from tradewarden.orchestrator.keeping.lock import Lock
from tradewarden.orchestrator.keeping.output import Output
from tradewarden.orchestrator.keeping.remains import Remains
from tradewarden.orchestrator.keeping.restarts import Leave, Restarts, leave_of
from tradewarden.orchestrator.keeping.scout import look_back
from tradewarden.orchestrator.keeping.status import StatusLog

PROTOCOL = 1
TICK = 2.0  # seconds between two figures
_GROWN = 0.3  # seconds after which a program's first figures say something
_CLEARING = 0.01  # seconds between two looks at what has not ended yet


class Keeper:
    """One service, as long as it is wanted."""

    def __init__(
        self, brief: Brief, run_dir: str, lock: Lock, clocks: type[Clocks] = Clocks, uniform: Chance = chance
    ) -> None:
        path = os.path.join(run_dir, brief.name)
        self._brief, self._path, self._lock, self._clocks = brief, path, lock, clocks
        self._status = StatusLog(f"{path}.status", os.path.join(run_dir, "wake"), brief.name)
        self._diary = Diary(self._status, clocks)
        self._control = Control(f"{path}.ctl")
        self._compressor = Compressor(brief.log, brief.log_files)
        self._output = Output(brief, self._compressor if brief.compress else None)
        self._figures = Figures(f"{path}.figures")
        self._restarts = Restarts(brief, uniform)
        self._leave_to_start = Leave(brief.until, clocks.wall(), clocks.running())
        self._remains = Remains(lambda: self._compressor.pid)
        self._voice = Voice()
        self._nursery = Nursery(brief, path, self._voice)
        self._poll = select.poll()
        self._poll.register(self._voice.hearing, select.POLLIN)
        self._poll.register(self._control.descriptor, select.POLLIN)
        self._boot = ""
        self._life: Life | None = None
        self._lives, self._dropped = 0, 0  # since somebody asked for a start; lines, before the present life
        self._clearing = False  # the life is over, and something that it started is not
        self._fencing: dict[str, str] | None = None  # the life that outlived an earlier keeper
        self._again_at: float | None = None
        self._bidden = False  # somebody asked for the next start: it needs no permission
        self._leaving, self._tick_at, self.is_gone = False, 0.0, False

    def run(self) -> None:
        """Keep the service until it is not wanted any more."""
        kernel.adopt_orphans()
        kernel.be_called(f"kept {self._brief.name}")
        self.keep()

    def keep(self, *, first: bool = False) -> None:
        """The same, without becoming the parent of orphans; `first`: there is nothing to look back at."""
        self._bid()
        if not first:
            self._look_back()
        while not self.is_gone:
            self._turn()

    def close(self) -> None:
        """Let go of everything that is open."""
        for each in (self._control, self._output, self._voice, self._figures, self._lock):
            each.close()

    def hear(self, data: bytes) -> None:
        """Keep what the service said."""
        self._output.take(data, self._clocks.wall())

    def _look_back(self) -> None:
        """End what outlived an earlier keeper, before anything is started: there are never two copies."""
        found = look_back(self._status, f"TRADEWARDEN_KEEPER={self._path}".encode())
        self._boot = found.boot
        if found.left:
            self._fencing = {**(found.start or {}), "pid": str(found.left[0].pid)}
            self._remains.adopt(found.left)
            self._clear(self._clocks.steady(), self._brief.stop_signal)
        elif found.start is not None:
            self._diary.unseen(found.start, fenced=False)

    def _turn(self) -> None:
        for descriptor, _ in self._poll.poll(self._patience()):
            if descriptor == self._voice.hearing:
                self._voice.hear(self.hear)
            elif descriptor == self._control.descriptor:
                self._obey()
        self._reap()
        now = self._clocks.steady()
        if self._clearing and not self._remains.alive():
            self._cleared(now)
        if self._remains.kill_at is not None and now >= self._remains.kill_at:
            self._kill(now)
        if self._life is None and not self._clearing:
            self._move_on(now)
        if now >= self._tick_at:
            self.tick(now)

    def _patience(self) -> float:
        """Milliseconds until something is due."""
        due = [self._tick_at]
        if self._remains.kill_at is not None:
            due.append(self._remains.kill_at)
        elif self._again_at is not None and self._life is None and self._may_start:
            due.append(self._again_at)
        wait = max(0.0, min(due) - self._clocks.steady())
        return 1000 * (min(wait, _CLEARING) if self._clearing else wait) + (0.5 if wait else 0)

    @property
    def _may_start(self) -> bool:
        return self._bidden or self._leave_to_start.holds(self._clocks.wall(), self._clocks.running())

    def _obey(self) -> None:
        for words in self._control.lines():
            match words:
                case ["start"]:
                    if self._life is None or self._life.asked:
                        self._bid()
                case ["stop", *rest] if (how := control.how(rest, self._brief)) is not None:
                    self._leaving, self._bidden, self._again_at = True, False, None
                    self._end(*how)
                case ["restart", *rest] if (how := control.how(rest, self._brief)) is not None:
                    self._bid()
                    self._end(*how)
                case ["sig", word] if (number := control.number(word)) is not None and self._life is not None:
                    self._life.signal(number)
                case ["policy", word]:
                    given = leave_of(word, self._clocks.wall(), self._clocks.running())
                    self._leave_to_start = given or self._leave_to_start

    def _bid(self) -> None:
        """Somebody wants it to start: at once, and whatever happened before is forgotten."""
        self._restarts.forget()
        self._leaving, self._bidden, self._lives = False, True, 0
        self._again_at = self._clocks.steady()

    def _end(self, number: int, seconds: float) -> None:
        """Ask what runs to end, and kill it after a while."""
        if self._life is not None:
            self._life.ask(number, self._remains.alive())
            self._diary.tell("stopping", pid=self._life.pid, signal=number)
        if self._life is not None or self._clearing:
            self._remains.end_by(self._clocks.steady() + seconds)

    def _kill(self, now: float) -> None:
        """It had its time: everything is killed, again and again until nothing is left."""
        present = self._life.pid if self._life is not None else next(iter(self._remains.alive()), 0)
        match self._remains.kill(now):
            case "escalate":
                self._diary.tell("escalate", pid=present)
            case "unkillable" if self._life is None:
                text = f"pid {present}, which an earlier life left behind, cannot be ended: end it by hand"
                self._diary.tell("start_failed", errno=errno.EBUSY, text=text, again=None)

    def _reap(self) -> None:
        """Learn which children ended: the service, orphans that came here, the one that compresses."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._life is not None and pid == self._life.pid:
                self._ended(self._life, os.waitstatus_to_exitcode(status), usage.ru_maxrss)
            elif pid == self._compressor.pid:
                self._compressor.ended(status)

    def _ended(self, life: Life, code: int, peak: int) -> None:
        self._life = None
        self._poll.unregister(life.descriptor)
        os.close(life.descriptor)
        now = self._clocks.steady()
        self._voice.hear(self.hear, out=True)
        self._output.end_line(self._clocks.wall())
        left = 0
        if self._remains.alive():
            left = self._clear_after(life, now)
        else:
            self._remains.over()
        outcome = None if life.asked else self._restarts.ended(now, now - life.began, well=code == 0)
        up, dropped = round(now - life.began, 3), self._output.dropped - self._dropped
        facts = {"pid": life.pid, "code": code, "up": up, "asked": bool(life.asked), "maxrss": peak, "dropped": dropped}
        self._diary.tell("exit", **facts, left=left, again=self._follow(outcome, now))
        self._diary.paused(outcome, self._brief)
        self._tick_at = now

    def _clear_after(self, life: Life, now: float) -> int:
        """A child that heard SIGTERM with the program is not asked twice: to some that means to hurry."""
        if life.asked is None:
            return self._clear(now, self._brief.stop_signal)
        return self._clear(now, signal.SIGTERM, life.told if life.asked == signal.SIGTERM else ())

    def _clear(self, now: float, number: int, but: Container[int] = ()) -> int:
        """What was left running ends before the next life; how many had to be told."""
        self._clearing = True
        meant = self._remains.signal(number, but)
        self._remains.end_by(now + self._brief.stop_seconds)
        return meant

    def _cleared(self, now: float) -> None:
        self._clearing = False
        self._remains.over()
        self._voice.hear(self.hear, out=True)
        self._output.end_line(self._clocks.wall())
        if self._fencing is not None:
            self._diary.unseen(self._fencing, fenced=True)
            self._fencing = None
            self._tick_at = now

    def _follow(self, outcome: float | str | None, now: float) -> float | None:
        """Settle what comes after an end; the wall time of the next start, if it comes by itself."""
        match outcome:
            case "leave":
                self._leaving = True
            case float():
                self._again_at = now + outcome
        if self._leaving or self._again_at is None or not self._may_start:
            return None
        return round(self._clocks.wall() + max(0.0, self._again_at - now), 6)

    def _move_on(self, now: float) -> None:
        """Nothing runs: leave, or begin the next life when it is due and allowed."""
        if self._leaving:
            self._leave()
        elif self._again_at is not None and now >= self._again_at and self._may_start:
            self._begin(now)

    def _begin(self, now: float) -> None:
        if not self._lock.renew():
            self._leaving = True  # somebody deleted the lock's file, and another keeper has its name now
            return
        self._again_at, self._bidden = None, False
        self._dropped = self._output.dropped
        try:
            life = self._nursery.begin(now)
        except OSError as trouble:
            outcome = self._restarts.failed(now, passing=trouble.errno in birth.PASSING)
            text, again = trouble.strerror or str(trouble), self._follow(outcome, now)
            self._diary.tell("start_failed", errno=trouble.errno or errno.EIO, text=text, again=again)
            self._diary.paused(outcome, self._brief)
            return
        self._life = life
        self._lives += 1
        self._poll.register(life.descriptor, select.POLLIN)
        facts = {"pid": life.pid, "ctime": ticks(life.pid), "rev": self._brief.revision, "boot": self._boot}
        self._diary.tell("start", **facts, life=self._lives, protocol=PROTOCOL)
        self._tick_at = now + _GROWN

    def _leave(self) -> None:
        """Nothing is wanted and nothing runs: go, unless somebody asks for a start at the last moment."""
        self._control.remove()
        self._obey()
        if not self._leaving:
            self._attend()
            return
        self._diary.lost(self._output.settled(leaving=True))
        self._figures.tell(None, (), self._clocks.steady(), self._clocks.wall())
        self._diary.tell("gone")
        self.is_gone = True

    def tick(self, now: float) -> None:
        """Do what is done every two seconds."""
        self._tick_at = now + TICK
        self._attend()
        self._diary.retry()
        self._diary.lost(self._output.settled())
        members = self._remains.alive() if self._life is not None else []
        self._figures.tell(self._life.pid if self._life is not None else None, members, now, self._clocks.wall())

    def _attend(self) -> None:
        """Be reachable and be the only one, whatever somebody deleted."""
        before = self._control.descriptor
        if self._lock.renew():
            if self._control.ensure():
                self._poll.unregister(before)
                self._poll.register(self._control.descriptor, select.POLLIN)
        elif not self._leaving:
            self._leaving, self._again_at = True, None
            self._end(self._brief.stop_signal, self._brief.stop_seconds)
