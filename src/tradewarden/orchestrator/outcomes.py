"""How each program was left, so that the next daemon starts nothing that has ended for good in the desk that runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tradewarden.early_log import Logger
from tradewarden.machines.kept import Exited, Gone, Paused, StartFailed
from tradewarden.machines.past import Past
from tradewarden.machines.service import ServiceState
from tradewarden.machines.service_life import ServiceLife
from tradewarden.orchestrator.keeping.clocks import boot_id

FILE: Final = ".desk"  # in the run directory, beside the status logs whose ends it is about
OVER: Final = frozenset({ServiceState.DONE, ServiceState.FAILED, ServiceState.PAUSED})
DUE: Final = "due"  # it runs, waits or is to be started

log = Logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one program: its state at rest and why, or that it is due; and the last end that was known by then."""

    state: str
    reason: str | None
    end: float  # 0 before the first

    @property
    def is_over(self) -> bool:
        """Whether it is left so until somebody starts it, or whatever else may."""
        return self.state in OVER

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped, or never started."""
        return self.state == ServiceState.DOWN


class Outcomes:
    """They count as long as the machine runs: what was left before it started is another desk's."""

    def __init__(self, run_dir: Path) -> None:
        self._path = run_dir / FILE
        self._known: dict[str, Outcome] = {}
        self._desk = ""  # which start of the machine the desk belongs to
        self._begun = False  # from then on they are kept
        self._unsaved = False  # no disk took them: each next change tries again

    def load(self, *, runs: bool) -> bool:
        """Read what the daemon before left; whether its desk goes on: this machine's, and not aborted.

        Where nobody knows, it does if anything of it `runs`.
        """
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
            self._desk = str(told["desk"])
            self._known = {str(name): _outcome(*each) for name, each in told["services"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            self._desk, self._known = "", {}  # a power cut may have left half of it
            return runs
        return self._desk == boot_id()

    def of(self, past: Past) -> Outcome | None:
        """How a program was left, unless it has ended once more since; a status log may have been deleted."""
        known = self._known.get(past.service.name)
        return known if known is not None and (past.last is None or known.end == _end(past)) else None

    def begin(self, lives: Iterable[ServiceLife]) -> None:
        """The desk has been taken over, or begins anew: from here on what is told of them counts."""
        self._begun = True
        self.note(lives, aborted=False)

    def note(self, lives: Iterable[ServiceLife], *, aborted: bool) -> None:
        """These have changed; a desk whose start was aborted is no desk."""
        if not self._begun:
            return
        desk = "" if aborted else boot_id()
        known = self._known | {life.service.name: _left(life) for life in lives}
        if self._unsaved or (desk, known) != (self._desk, self._known):
            self._desk, self._known = desk, known
            self._save()

    def hold(self) -> None:
        """Have the file again if somebody deleted it."""
        if self._begun and not self._path.exists():
            self._save()

    def _save(self) -> None:
        """Not synced to the disk: with the machine it loses its meaning."""
        services = {name: [each.state, each.reason, each.end] for name, each in sorted(self._known.items())}
        draft = self._path.with_suffix(".new")
        try:
            draft.write_text(json.dumps({"desk": self._desk, "services": services}), encoding="utf-8")
            draft.replace(self._path)
        except OSError as trouble:
            if not self._unsaved:
                log.warning("desk.outcomes_unkept", path=str(self._path), why=trouble.strerror)
            self._unsaved = True
        else:
            self._unsaved = False


def is_over(past: Past, *, auto: bool) -> bool:
    """Whether its keepers' last words tell of an end that is followed by nothing; `auto`: it may be started again."""
    match past.last:
        case Paused():
            return True
        case Exited() | StartFailed() | Gone() if past.is_final:
            return True
        case Exited() | StartFailed() | Gone() if not auto:
            return _ended_by_itself(past)
        case _:
            return False


def _ended_by_itself(past: Past) -> bool:
    match past.ended:
        case Exited(asked=False, code=int(), again_at=None) | StartFailed(again_at=None):
            return True
        case _:
            return False


def _left(life: ServiceLife) -> Outcome:
    if life.state in OVER or life.state is ServiceState.DOWN:
        return Outcome(str(life.state), life.reason, _end(life.past))
    return Outcome(DUE, None, _end(life.past))


def _end(past: Past) -> float:
    return 0.0 if past.ended is None else past.ended.at.timestamp()


def _outcome(state: object, reason: object, end: object) -> Outcome:
    return Outcome(str(state), None if reason is None else str(reason), float(str(end)))
