"""How programs fare under our keepers, beside supervisord, circus, pm2, runit and s6.

Eleven small Python programs under each supervisor by its defaults, one supervisor at a time, in turns; s6 and runit
with a logger for each program, as they are used. A program's first statement tells the moment it runs, over a fifo.
Start: from the supervisor's own start until all eleven run; for us that is `tradewarden run`, the whole daemon with its
web server, and no keepers are there yet. It is measured twice: the very first start of a configuration, which reads and
checks it, and a later one after a shutdown of everything, which finds what the first one kept of it; our peers keep
nothing of the kind, so theirs is the same figure in both. Replacement: SIGKILL of one program until the first statement
of the next one; "a bare parent" is a loop of pidfds and posix_spawn, which no supervisor of the same programs can beat.
Memory is proportional (PSS), pages that processes share counted in part, CPU time the scheduler's count; both of
everything the supervisor consists of, without the programs. Idle: programs that print a line a second, all supervisors
over the same 30 s. Stop: eleven programs that need a second each, until the last has ended; we are asked by POST
/api/desk/down. Flood: one program writes 300,000 lines of 100 bytes, one write each; our lines are stamped with their
arrival. Death: the supervisor gets SIGKILL and is started again five seconds later; counted are programs that live on,
and programs that run twice in the end, with programs that print and with programs that do not. Phases: five programs,
each needs the one before and is ready when its port answers, 0.1 s after its start; counted from the moment the port is
open until the next program's first statement. Adoption: SIGKILL of the daemon and its next start. On a machine with
neighbours give the script priority (`nice -n -15`), as this run had it.
`supervisors.py --quick` takes few samples and keeps nothing.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import own_desk
import supervision
from result import Figure, Run, high, middle, say
from supervised import PEERS, BareParent, Supervisor
from supervised_desk import Tradewarden

ROUNDS = 3
FLOODS = 7  # one lasts a tenth of a second, and moves by a fifth from one to the next
WINDOWS = 3  # of idleness
KILLS: Mapping[str, int] = {"tradewarden": 40, "a bare parent": 40, "pm2": 22, "runit": 22}  # of one round
FEW = 6  # of a supervisor that takes a second or more each time
IDLE = 30.0  # seconds
CHANCE = random.Random(27)

Values = dict[str, list[float]]  # by supervisor


@dataclass(slots=True)
class Table:
    """One thing that was measured of all supervisors."""

    name: str
    unit: str
    more_is_better: bool = False
    values: Values = field(default_factory=dict)

    def note(self, who: type[Supervisor], value: float) -> None:
        """One sample."""
        self.values.setdefault(who.name, []).append(value)

    def of(self, who: str) -> float:
        """The median."""
        return middle(self.values[who])

    def tell(
        self,
        run: Run,
        *,
        beside: Mapping[str, float] = MappingProxyType({}),
        at_most: float | None = None,
        at_least: float | None = None,
        note: str = "",
    ) -> None:
        """Ours against its goal, then ours beside each of the others: by so much it should be better."""
        ours = self.values[Tradewarden.name]
        value = middle(ours)
        run.add(
            Figure(
                name=self.name,
                value=value,
                unit=self.unit,
                samples=len(ours),
                at_most=at_most,
                at_least=at_least,
                rounds=ours if len(ours) <= 10 else (),
                note=note,
            )
        )
        for peer in PEERS:
            if theirs := self.values.get(peer.name):
                other = middle(theirs)
                better, worse = (value, other) if self.more_is_better else (other, value)
                run.add(
                    Figure(
                        name=f"{self.name}, beside {peer.name}",
                        value=value,
                        unit=self.unit,
                        samples=min(len(ours), len(theirs)),
                        peer=peer.name,
                        peer_value=other,
                        ratio=better / worse if worse else None,
                        ratio_at_least=beside.get(peer.name),
                    )
                )


def _present() -> Sequence[type[Supervisor]]:
    """Whoever is installed; of the others it is told what is missing."""
    for peer in PEERS:
        if missing := peer.missing():
            say(f"supervisors.py: {peer.name} is left out: there is no {missing}; `make bench` installs it")
    return [peer for peer in PEERS if not peer.missing()]


def _ticking(run: Run, crowd: Sequence[type[Supervisor]], rounds: int, share: float) -> None:
    first = Table("first start of a configuration until eleven run", "ms")
    up = Table("start until eleven run", "ms")
    replaced = Table("SIGKILL to replacement, median", "ms")
    memory = Table("memory (PSS)", "MiB")
    for nth in range(rounds):
        for kind in crowd:
            say(f"supervisors.py: {kind.name}, round {nth + 1} of {rounds}: start, memory, replacements")
            shown = supervision.ticking(kind, max(2, round(share * KILLS.get(kind.name, FEW))), CHANCE)
            first.note(kind, shown.up)
            up.note(kind, shown.again)
            memory.note(kind, shown.memory)
            for each in shown.replaced:
                replaced.note(kind, each)
    first.tell(run, beside=dict.fromkeys(("supervisord", "pm2"), 1.0))
    up.tell(run, beside=dict.fromkeys(("supervisord", "circus", "pm2"), 1.0), at_most=400.0)
    replaced.tell(run, beside={"supervisord": 10.0, "pm2": 1.0})
    ours = replaced.values[Tradewarden.name]
    run.add(Figure(name="SIGKILL to replacement, p99", value=high(ours), unit="ms", samples=len(ours), at_most=100.0))
    run.add(
        Figure(
            name="SIGKILL to replacement, in times of a bare parent's",
            value=middle(ours) / replaced.of(BareParent.name),
            unit="",
            samples=len(ours),
            at_most=1.5,
            note=f"the bare parent takes {replaced.of(BareParent.name):.1f} ms (median)",
        )
    )
    memory.tell(run, at_most=80.0, note="the daemon, the process its keepers come from, eleven keepers")


def _stopping(run: Run, crowd: Sequence[type[Supervisor]], rounds: int) -> None:
    table = Table("stop of eleven that need 1 s each", "ms")
    for _ in range(rounds):
        for kind in crowd:
            say(f"supervisors.py: {kind.name}: stop")
            table.note(kind, supervision.stopping(kind))
    table.tell(run, at_most=1300.0)


def _pouring(run: Run, crowd: Sequence[type[Supervisor]], rounds: int) -> None:
    rate = Table("lines of one program", "lines/s", more_is_better=True)
    cost = Table("CPU for a million lines", "s")
    kept = Table("lines kept, of 300,000", "lines", more_is_better=True)
    for _ in range(rounds):
        for kind in crowd:
            say(f"supervisors.py: {kind.name}: flood")
            poured = supervision.pouring(kind)
            rate.note(kind, poured.rate)
            cost.note(kind, poured.cost)
            kept.note(kind, poured.kept - poured.twice)
    rate.tell(run, beside={"supervisord": 1.0, "circus": 1.0})
    cost.tell(run, at_most=1.5)
    kept.values = {name: [min(each)] for name, each in kept.values.items()}
    kept.tell(run, at_least=float(supervision.LINES), note="the worst round; none of them twice")


def _idling(run: Run, crowd: Sequence[type[Supervisor]], windows: int, seconds: float) -> None:
    say(f"supervisors.py: everybody idle, {windows} times {seconds:.0f} s")
    table = Table("CPU while eleven programs tick", "% of a core")
    table.values = supervision.idling(crowd, windows, seconds)
    table.tell(run, at_most=0.5)


def _dying(run: Run, crowd: Sequence[type[Supervisor]]) -> None:
    for manner, kinds in (("ticking", "that print"), ("silent", "that are silent")):
        say(f"supervisors.py: SIGKILL of every supervisor, with programs {kinds}")
        bereft = supervision.dying(crowd, manner)
        alive = Table(f"programs {kinds} alive 5 s after SIGKILL of the supervisor", "of 11", more_is_better=True)
        doubled = Table(f"programs {kinds} that run twice after its restart", "of 11")
        alive.values = {name: [float(each.alive)] for name, each in bereft.items()}
        doubled.values = {name: [float(each.doubled)] for name, each in bereft.items()}
        alive.tell(run, at_least=11.0)
        doubled.tell(run, at_most=0.0)


def main() -> None:
    quick = "--quick" in sys.argv
    rounds, share = (1, 0.25) if quick else (ROUNDS, 1.0)
    run = Run(__file__)
    peers = _present()
    _ticking(run, (Tradewarden, BareParent, *peers), rounds, share)
    _stopping(run, (Tradewarden, *peers), 1 if quick else 2)
    _pouring(run, (Tradewarden, *peers), rounds if quick else FLOODS)
    _idling(run, (Tradewarden, *peers), 1 if quick else WINDOWS, 5.0 if quick else IDLE)
    _dying(run, (Tradewarden, *peers))
    own_desk.measure(run, rounds=1 if quick else 5)
    if not quick:
        run.keep()


if __name__ == "__main__":
    main()
