"""What a keeper has to say of its service, each thing with the time of the wall."""

from __future__ import annotations

import errno

from tradewarden.orchestrator.keeping.brief import Brief
from tradewarden.orchestrator.keeping.clocks import Clocks
from tradewarden.orchestrator.keeping.family import ticks
from tradewarden.orchestrator.keeping.output import Lost
from tradewarden.orchestrator.keeping.remains import ONE_RUN, number_of
from tradewarden.orchestrator.keeping.restarts import PAUSE
from tradewarden.orchestrator.keeping.status import StatusLog

PROTOCOL = 1


class Diary:
    """The status log, in the keeper's words."""

    def __init__(self, log: StatusLog, clocks: type[Clocks]) -> None:
        self._log, self._clocks = log, clocks
        self._unsaid: Lost | None = None  # is told so far, but by no means: nobody who leaves waits for it
        self._is_mute = False  # nothing has begun, since no disk takes a word

    def renew(self, lost: Lost | None) -> None:
        """Write what the disk has refused before, what somebody deleted, and lines of output that were lost lately."""
        self._log.renew()
        if lost is not None and lost.lasting:
            self._unsaid = lost
        else:
            self.lost(lost)
        if self._unsaid is not None and self._log.offer("lost", self._clocks.wall(), **_facts(self._unsaid)):
            self._unsaid = None

    @property
    def is_behind(self) -> bool:
        """Whether something has happened that the daemon cannot know, because the disk refuses it."""
        return self._log.is_behind

    def part(self) -> bool:
        """Say that the keeper leaves, as its last word; false when there is something that nobody can know as yet."""
        return self._log.offer("gone", self._clocks.wall()) or (self._is_mute and not self.is_behind)

    def tell(self, event: str, **facts: object) -> None:
        """Write one event down."""
        self._log.write(event, self._clocks.wall(), **facts)

    def announce(self, revision: str) -> bool:
        """Write down that a run of a job is about to begin; false when no disk takes that: then it must not.

        Whoever comes after a keeper that was killed at this moment would otherwise do finished work again.
        """
        is_known = not revision.startswith(ONE_RUN) or self._log.intend("starting", self._clocks.wall(), rev=revision)
        self._is_mute = not is_known
        return is_known

    def began(self, pid: int, brief: Brief, boot: str, life: int) -> None:
        """A life has begun: number, start in ticks and boot are the identity of its process."""
        self.tell("start", pid=pid, ctime=ticks(pid), rev=brief.revision, boot=boot, life=life, protocol=PROTOCOL)

    def unseen(self, start: dict[str, str], *, fenced: bool) -> None:
        """A life ended that no keeper saw to its end, or perhaps none began; `fenced`: it was ended by this one."""
        if start.get("ev") == "starting":
            text = "its keeper was killed at that moment, and nobody knows how far it came"
            ended = "; what was left of it was ended" if fenced else ""
            self.tell("start_failed", errno=errno.EINTR, rev=start.get("rev", ""), text=text + ended, again=None)
            return
        began = number_of(start.get("t", "").partition(".")[0])
        up = max(0, int(self._clocks.wall()) - began) if began and fenced else 0
        self.tell("exit", pid=number_of(start.get("pid")), code=None, up=up, asked=False, fenced=fenced)

    def failed(self, trouble: OSError, again: float | None, brief: Brief) -> None:
        """A life could not begin; `again`: when it is tried again."""
        text = trouble.strerror or str(trouble)
        self.tell("start_failed", errno=trouble.errno or errno.EIO, rev=brief.revision, text=text, again=again)

    def unkillable(self, pid: int) -> None:
        """Nothing can begin, because something does not end."""
        text = f"pid {pid}, which an earlier life left behind, cannot be ended: end it by hand"
        self.tell("start_failed", errno=errno.EBUSY, text=text, again=None)

    def paused(self, outcome: float | str | None, brief: Brief) -> None:
        """It ended too often, if it did."""
        if outcome == PAUSE:
            self.tell("paused", attempts=brief.attempts, window=brief.window)

    def lost(self, lost: Lost | None) -> None:
        """Lines that no disk took, if there were any."""
        if lost is not None:
            self._unsaid = None
            self.tell("lost", **_facts(lost))


def _facts(lost: Lost) -> dict[str, object]:
    lasting = {"lasting": True} if lost.lasting else {}
    return {"since": round(lost.since, 6), "lines": lost.lines, "bytes": lost.bytes, **lasting}
