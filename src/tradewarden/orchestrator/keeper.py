"""Keeps one program alive over many lives: its parent, its log, its memory, and nobody's child.

Standard library only: it needs no virtual environment and outlives an upgrade. Its states: docs/keeper.md.
"""

from __future__ import annotations

import os
import select
from _collections_abc import Container

from tradewarden.orchestrator.keeping import birth, control, kernel, signals
from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.clocks import Chance, Clocks, chance
from tradewarden.orchestrator.keeping.compress import Compressor
from tradewarden.orchestrator.keeping.diary import Diary
from tradewarden.orchestrator.keeping.figures import Figures
from tradewarden.orchestrator.keeping.life import Life, Nursery, Voice
from tradewarden.orchestrator.keeping.lock import Lock
from tradewarden.orchestrator.keeping.output import Output
from tradewarden.orchestrator.keeping.post import Post
from tradewarden.orchestrator.keeping.remains import Remains
from tradewarden.orchestrator.keeping.restarts import Leave, Restarts, leave_of
from tradewarden.orchestrator.keeping.scout import look_back
from tradewarden.orchestrator.keeping.status import StatusLog
from tradewarden.orchestrator.keeping.watch import CLEARING, GROWN, WITHHELD, Heard, Watch

TICK = 2.0  # seconds between two figures


class Keeper:
    """One service, as long as it is wanted."""

    def __init__(
        self, brief: Brief, run_dir: str, lock: Lock, clocks: type[Clocks] = Clocks, uniform: Chance = chance
    ) -> None:
        path = f"{run_dir}/{brief.name}"
        self._brief, self._path, self._clocks = brief, path, clocks
        self._status = StatusLog(f"{path}.status", f"{run_dir}/wake", brief.name)
        self._diary = Diary(self._status, clocks)
        self._compressor = Compressor(brief.log, brief.log_files)
        self._output = Output(brief, self._compressor if brief.compress else None)
        self._restarts = Restarts(brief, uniform)
        self._leave_to_start = Leave(brief.until, clocks.wall(), clocks.running())
        self._remains = Remains(lambda: self._compressor.pid)
        self._figures = Figures(f"{path}.figures", self._remains.alive)
        self._voice = Voice()
        self._nursery = Nursery(brief, path, self._voice)
        self._watch = Watch(self._voice, self.hear, clocks.steady)
        self._post = Post(path, lock, self._watch.poll)
        self._life: Life | None = None
        self._lives, self._dropped = 0, 0  # since somebody asked for a start; lines, before the present life
        self._clearing = False  # the life is over, and something that it started is not
        self._fencing: dict[str, str] | None = None  # the life that outlived an earlier keeper
        self._again_at: float | None = None
        self._bidden = False  # somebody asked for the next start: it needs no permission
        self._boot, self._leaving, self._once, self.is_gone = "", False, False, False

    def run(self) -> None:
        """Keep the service until it is not wanted any more."""
        kernel.adopt_orphans()
        kernel.be_called(f"kept {self._brief.name}")
        self.keep()

    def keep(self, *, first: bool = False, once: bool = False) -> None:
        """The same, but no parent of orphans; `first`: nothing to look back at, `once`: whatever the disk says."""
        self._bid()
        self._once, self._lives = once, self._brief.lives
        if not first:
            self._look_back()
            self._output.resume()
        while not self.is_gone:
            self._turn()

    def close(self) -> None:
        """Let go of everything that is open."""
        for each in (self._post, self._output, self._voice, self._figures):
            each.close()

    def hear(self, data: bytes) -> None:
        """Keep what the service said."""
        self._output.take(data, self._clocks.wall())

    def _look_back(self) -> None:
        """End what outlived an earlier keeper, before anything is started: there are never two copies."""
        found = look_back(self._status, f"TRADEWARDEN_KEEPER={self._path}".encode(), self._brief.revision)
        self._boot = found.boot
        if found.spent:
            self._leaving, self._bidden, self._again_at = True, False, None
        if found.left:
            self._fencing = {**(found.start or {}), "pid": str(found.left[0].pid)}
            self._remains.adopt(found.left, found.look_again)
            self._clear(self._clocks.steady(), self._brief.stop_signal)
        elif found.start is not None:
            self._diary.unseen(found.start, fenced=False)

    def _turn(self) -> None:
        for descriptor, _ in self._wait():
            if descriptor == self._voice.hearing:
                self._voice.hear(self.hear)
            elif descriptor == self._post.descriptor:
                self._obey()
            elif self._life is not None:
                self._over(self._life)
        self._reap()
        now = self._clocks.steady()
        if self._clearing and not self._remains.alive():
            self._cleared(now)
        if self._remains.kill_at is not None and now >= self._remains.kill_at:
            self._kill(now)
        if self._life is None and not self._clearing:
            self._move_on(now)
        if now >= self._watch.tick_at and not self.is_gone:
            self.tick(now)

    def _wait(self) -> Heard:
        """Until anything happens or is due; nearly always the service runs and only speaks."""
        life, kill_at = self._life, self._remains.kill_at
        if life is not None and kill_at is None and not (self._clearing or life.is_withheld):
            return self._watch.listen()
        due = self._watch.tick_at
        if kill_at is not None:
            due = min(due, kill_at)
        elif self._again_at is not None and life is None and self._may_start:
            due = min(due, self._again_at)
        at_most = CLEARING if self._clearing else WITHHELD if life is not None and kill_at is None else TICK
        return self._watch.wait(due, at_most)

    @property
    def _may_start(self) -> bool:
        return self._bidden or self._leave_to_start.holds(self._clocks.wall(), self._clocks.running())

    def _obey(self) -> None:
        for words in self._post.lines():
            match words:
                case ["start"] if (self._life is None or self._life.asked) and not self._diary.is_behind:
                    self._bid()
                case ["stop", *rest] if (how := control.how(rest, self._brief)) is not None:
                    self._leaving, self._bidden, self._again_at = True, False, None
                    self._end(*how)
                case ["restart", *rest] if (how := control.how(rest, self._brief)) is not None:
                    if self._life is not None or not self._diary.is_behind:
                        self._bid()
                    self._end(*how)
                case ["sig", word] if (number := control.number(word)) is not None and self._life is not None:
                    self._life.signal(number)
                case ["look"]:
                    self.tick(self._clocks.steady())
                case ["policy", word]:
                    given = leave_of(word, self._clocks.wall(), self._clocks.running())
                    self._leave_to_start = given or self._leave_to_start

    def _bid(self) -> None:
        """Somebody wants it to start: at once, and whatever happened before is forgotten."""
        self._restarts.forget()
        self._leaving = self._brief.fences  # it is here to end what an earlier keeper left, whatever else is said
        self._bidden, self._lives, self._again_at = not self._leaving, 0, self._clocks.steady()

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
                self._diary.unkillable(present)

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

    def _over(self, life: Life) -> None:
        """It has ended; if nobody may be told how as yet, or any more, its descriptor would never cease to say so."""
        self._reap()
        if self._life is life and life.is_taken(self._watch.poll):
            self._ended(life, None, 0)

    def _ended(self, life: Life, code: int | None, peak: int) -> None:
        self._life = None
        self._watch.poll.unregister(life.descriptor)
        os.close(life.descriptor)
        now = self._clocks.steady()
        self._voice.hear(self.hear, out=True)
        self._output.end_line(self._clocks.wall())
        left = self._clear_after(life, now)
        outcome = None if life.asked else self._restarts.ended(now, now - life.began, well=code == 0)
        up, dropped = round(now - life.began, 3), self._output.dropped - self._dropped
        facts = {"pid": life.pid, "code": code, "up": up, "asked": bool(life.asked), "maxrss": peak, "dropped": dropped}
        self._diary.tell("exit", **facts, left=left, again=self._follow(outcome, now))
        self._diary.paused(outcome, self._brief)
        self._watch.tick_soon(now)

    def _clear_after(self, life: Life, now: float) -> int:
        """A child that heard SIGTERM with the program is not asked twice: to some that means to hurry."""
        if not self._remains.alive():
            self._remains.over()
            return 0
        if life.asked is None:
            return self._clear(now, self._brief.stop_signal)
        return self._clear(now, signals.SIGTERM, life.told if life.asked == signals.SIGTERM else ())

    def _clear(self, now: float, number: int, but: Container[int] = ()) -> int:
        """What was left running ends before the next life; how many had to be told."""
        self._clearing = True
        self._remains.end_by(now + self._brief.stop_seconds)
        return self._remains.signal(number, but)

    def _cleared(self, now: float) -> None:
        self._clearing = False
        self._remains.over()
        self._voice.hear(self.hear, out=True)
        self._output.end_line(self._clocks.wall())
        if self._fencing is not None:
            self._diary.unseen(self._fencing, fenced=True)
            self._fencing = None
            self._watch.tick_soon(now)

    def _follow(self, outcome: float | str | None, now: float) -> float | None:
        """Settle what comes after an end; the wall time of the next start, if it comes by itself."""
        if isinstance(outcome, float):
            self._again_at = now + outcome
        self._leaving = self._leaving or outcome == "leave"
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
        alone = self._post.is_mine()
        if not alone:  # somebody deleted the lock's file: another keeper has its name now, or nobody can tell as yet
            self._leaving, self._again_at = alone is False, now + TICK
            return
        self._again_at, self._bidden, self._dropped = None, False, self._output.dropped
        if not self._lives and not self._diary.announce(self._brief.revision):
            self._leaving = True
            self._leave()
            return
        try:
            life = self._nursery.begin(now)
        except OSError as trouble:
            outcome = self._restarts.failed(now, passing=trouble.errno in birth.PASSING)
            self._diary.failed(trouble, self._follow(outcome, now), self._brief)
            self._diary.paused(outcome, self._brief)
            if self._remains.alive():
                self._clear(now, signals.SIGKILL)
            return
        self._life, self._lives = life, self._lives + 1
        self._watch.poll.register(life.descriptor, select.POLLIN)
        self._diary.began(life.pid, self._brief, self._boot, self._lives)
        self._watch.tick_soon(now + GROWN)

    def _leave(self) -> None:
        """Nothing is wanted and nothing runs: go, unless somebody asks for a start at the last moment."""
        if self._diary.is_behind and not self._once:
            return  # nobody can know as yet what has happened, so nobody shall come after it
        self._post.leave()
        self._obey()
        if self._leaving:
            self._diary.lost(self._output.leave(self._clocks.wall()))
            self._figures.tell(None, self._clocks.steady(), self._clocks.wall())
            self.is_gone = self._diary.part() or self._once
        if not self.is_gone:
            self._attend()

    def tick(self, now: float) -> None:
        """Do what is done every two seconds."""
        self._watch.tick_next(now, TICK)
        self._attend()
        self._diary.renew(self._output.settled(now, self._clocks.wall()))
        self._figures.tell(self._life.pid if self._life else None, now, self._clocks.wall(), self._output.unended)

    def _attend(self) -> None:
        """Be reachable and be the only one, whatever somebody deleted."""
        if not self._post.hold() and not self._leaving:
            self._leaving, self._again_at = True, None
            self._end(self._brief.stop_signal, self._brief.stop_seconds)
