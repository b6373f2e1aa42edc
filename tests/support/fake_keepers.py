"""A desk of services under keepers that behave as ours do, on a clock of its own: no process, no wire, no chance."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from random import Random

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.condition import Facts, parse
from tradewarden.machines.deed import BeginAsking, Command, Deed, EndAsking, Fence, Keep, Tell
from tradewarden.machines.desk import Desk
from tradewarden.machines.desk_step import Begin, Halt, Kill, Moved, Step
from tradewarden.machines.gate import gate
from tradewarden.machines.kept import Escalated, Exited, Gone, Happening, Paused, Started, Stopping
from tradewarden.machines.plan import plan
from tradewarden.machines.service import Kind, Service
from tradewarden.machines.service_life import ServiceLife

ON, OFF = True, False
BEGAN = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)
_numbers = count(1000)


@dataclass
class Nature:
    """What a program does when it is started: so soon it is ready, so soon it ends, and how it takes a signal."""

    ready_after: float | None = 0.5
    ends_after: float | None = None
    code: int = 1
    stubborn: bool = False
    unkillable: bool = False
    keeper_comes: bool = True


@dataclass
class Keeper:
    """One service's keeper, its status log and the program's present life."""

    service: Service
    nature: Nature
    world: World
    alive: bool = False
    pid: int = 0
    life: int = 0  # a number of its own; 0 while nothing runs
    lives: int = 0
    began: int = 0
    crashes: int = 0
    asked: bool = False
    leaving: bool = False
    until: float | None = None
    log: list[Happening] = field(default_factory=list)

    def write(self, kind: Callable[..., Happening], **facts: object) -> None:
        """A line of its status log, which the daemon reads at once."""
        happening = kind(at=self.world.wall(), keeper=self.pid, **facts)
        self.log.append(happening)
        self.world.tell(self.service.name, "kept", happening)

    def come(self, until: float | None, *, fences: bool = False) -> None:
        """A keeper takes the lock and starts the service, or only `fences`; what an earlier one left is ended first."""
        if fences and self.alive:
            return
        assert not self.alive, "a second keeper"
        self.alive, self.pid, self.lives, self.crashes = True, next(_numbers), 0, 0
        self.leaving, self.until = False, until
        orphan, self.life = self.life, 0
        self.world.tell(self.service.name, "held", ON)
        if not self.alive:
            return
        if isinstance(self.log[-1] if self.log else None, Started | Stopping | Escalated):
            self.write(Exited, pid=orphan, code=None, up=0.0, asked=False, fenced=orphan != 0)
        if fences:
            self.leave()
        self.begin()

    def begin(self) -> None:
        """A life."""
        if not self.alive or self.life or self.leaving:
            return
        self.life, self.lives, self.asked, self.began = next(_numbers), self.lives + 1, False, self.world.now
        life, ends = self.life, self.nature.ends_after
        if ends is not None:
            self.world.later(ends, lambda: self.end(self.nature.code) if self.life == life else None)
        self.write(Started, pid=life, ticks=1, revision="r", boot="b", life=self.lives)

    def end(self, code: int) -> None:
        """The life ends, and what follows is settled as our keepers settle it."""
        pid, self.life, asked, self.asked = self.life, 0, self.asked, False
        if not self.alive:
            return
        again = None
        service, facts = self.service, {"pid": pid, "code": code, "up": (self.world.now - self.began) / SECOND}
        is_over = service.kind is Kind.STEP and code == 0
        self.crashes += not asked
        if not asked and not is_over and self.crashes < service.restarts.attempts and self.may():
            again = self.world.wall() + timedelta(seconds=1)
            self.world.later(1, lambda: self.begin() if self.may() else None)
        used_up = not asked and not is_over and self.crashes >= service.restarts.attempts
        restarts = asked and not self.leaving
        self.write(Exited, asked=asked, again_at=again, **facts)
        if restarts:
            self.lives = 0
            self.begin()
        elif self.leaving or is_over or (used_up and service.kind is Kind.STEP):
            self.leave()
        elif used_up:
            self.write(Paused, attempts=service.restarts.attempts, window=60.0)

    def may(self) -> bool:
        """Whether it may start the service by itself."""
        return self.until is None or self.world.wall().timestamp() < self.until

    def leave(self) -> None:
        """Nothing is wanted and nothing runs."""
        if self.alive:
            self.alive = False  # the lock falls with the last line
            self.write(Gone)
            self.world.tell(self.service.name, "held", OFF)

    def obey(self, line: str) -> None:
        """A command from its fifo."""
        match line.split() if self.alive else []:
            case ["start"] if not self.life or self.asked:
                self.leaving, self.lives, self.crashes = False, 0, 0
                self.begin()
            case ["stop", number, seconds]:
                self.leaving = True
                self.signal(int(number), float(seconds))
            case ["restart", number, seconds] if self.life:
                self.leaving = False
                self.signal(int(number), float(seconds))
            case ["policy", word]:
                self.until = {"always": None, "never": 0.0}.get(word) if "=" not in word else float(word[6:])

    def signal(self, number: int, seconds: float) -> None:
        """Ask the life to end; nothing that runs is nothing to ask."""
        life = self.life
        if not life:
            self.leave()
            return
        self.asked = True
        self.write(Stopping, pid=life, signal=number)
        if number != 9 and not self.nature.stubborn:
            self.world.later(0.1, lambda: self.end(-number) if self.life == life else None)
        self.world.later(seconds, lambda: self.kill(life))

    def kill(self, life: int) -> None:
        """Its time is over."""
        if self.life == life and self.asked and self.alive:
            self.write(Escalated, pid=life)
            if not self.nature.unkillable:
                self.end(-9)

    def die(self) -> None:
        """Somebody kills the keeper; the program runs on."""
        if self.alive:
            self.alive = False
            self.world.tell(self.service.name, "held", OFF)


class World:
    """A desk, its services, a market and a clock; `settle` is what the drivers do."""

    def __init__(self, services: Sequence[Service], natures: Mapping[str, Nature], seed: int = 0) -> None:
        self.services = {each.name: each for each in services}
        self.natures, self.now, self.chance = natures, 0, Random(seed)
        self.market = "live"
        self.moves: list[str] = []
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._facts: list[tuple[str, str, tuple[object, ...]]] = []
        self._busy = False
        self.keepers = {name: Keeper(each, natures[name], self) for name, each in self.services.items()}
        self.begin()

    def begin(self, *, wanted: frozenset[str] = frozenset()) -> None:
        """A daemon comes; an earlier one's services are adopted."""
        self.lives = {
            name: ServiceLife(each, self.chance.random, self.now, UTC) for name, each in self.services.items()
        }
        self.desk = Desk(self.services.values(), plan(list(self.services.values())), self.now)
        self.asking: dict[str, int] = {}
        for name, keeper in self.keepers.items():
            facts = {"held": keeper.alive, "wanted": name in wanted, "now": self.now, "wall": self.wall()}
            self._do(name, self.lives[name].adopt(keeper.log[-20:], **facts))  # type: ignore[arg-type]
        if any(keeper.alive for keeper in self.keepers.values()):
            self._step(self.desk.adopt(self.lives, self.now))
        self.settle()

    def wall(self) -> datetime:
        return BEGAN + timedelta(microseconds=self.now / 1000)

    def later(self, seconds: float, deed: Callable[[], object]) -> None:
        heapq.heappush(self._queue, (self.now + int(seconds * SECOND), next(_numbers), deed))

    def tell(self, name: str, fact: str, *facts: object) -> None:
        self._facts.append((name, fact, facts))
        self.settle()

    def settle(self) -> None:
        """Tell all facts and do all deeds until nobody has anything to say."""
        if self._busy:
            return
        self._busy = True
        while True:
            while self._facts:
                name, fact, facts = self._facts.pop(0)
                self._do(name, getattr(self.lives[name], fact)(*facts, now=self.now))
            if not (self._gates() or self._facts or self._step(self.desk.look(self.lives, self.now))):
                break
        self._busy = False
        self.check()

    def _gates(self) -> bool:
        facts = Facts(
            now=self.wall(),
            segments={"NSE_EQ": self.market},
            foremost="NSE_EQ",
            services={name: life.state for name, life in self.lives.items()},
        )
        changed = False
        for name, life in self.lives.items():
            found = gate(self.services[name].needs, [parse(each) for each in self.services[name].conditions], facts)
            if found != life.gate:
                self._do(name, life.allow(found, self.now))
                changed = True
        return changed

    def _step(self, steps: list[Step]) -> bool:
        for step in steps:
            match step:
                case Begin(names):
                    self._each(names, "wish", ON)
                case Halt(names):
                    self._each(names, "wish", OFF)
                case Kill(names):
                    self._each(names, "kill")
                case Moved(dst=dst):
                    self.moves.append(dst.value)
        return bool(steps)

    def _each(self, names: Sequence[str], fact: str, *facts: object) -> None:
        for name in names:
            self._do(name, getattr(self.lives[name], fact)(*facts, now=self.now))

    def _do(self, name: str, deeds: list[Deed]) -> None:
        life, keeper = self.lives[name], self.keepers[name]
        for deed in deeds:
            match deed:
                case Keep():
                    assert life.gate.is_open, f"{name} is started although {life.gate.reason}"
                    assert not keeper.alive, f"{name} has a keeper"
                    self._ask_for(keeper, life)
                case Fence():
                    assert not keeper.alive, f"{name} has a keeper"
                    self.later(0.02, partial(keeper.come, 0.0, fences=True))
                case Command(line):
                    assert line != "start" or life.gate.is_open, f"{name} is started although {life.gate.reason}"
                    if keeper.alive:
                        self.later(0, partial(keeper.obey, line))
                case BeginAsking():
                    self.asking[name] = keeper.life
                    self._look(name, keeper.life)
                case EndAsking():
                    self.asking.pop(name, None)
                case Tell():
                    pass

    def _ask_for(self, keeper: Keeper, life: ServiceLife) -> None:
        until = life.until

        def come() -> None:
            if not keeper.alive and self.lives[keeper.service.name] is life:
                keeper.come(until)

        def refuse() -> None:
            self.tell(keeper.service.name, "refused", "nobody answers")

        self.later(0.02, come if keeper.nature.keeper_comes else refuse)

    def _look(self, name: str, life: int) -> None:
        after = self.natures[name].ready_after
        if after is not None:
            self.later(after, lambda: self.tell(name, "ready") if self.asking.get(name) == life else None)

    def pass_time(self, seconds: float) -> None:
        """Let everything happen that is due within so much time."""
        end = self.now + int(seconds * SECOND)
        for _ in range(20_000):
            due = [at for at in (self.desk.next_deadline(), *self._deadlines().values()) if at is not None]
            at = min([*due, *(self._queue[0][:1] if self._queue else ())], default=end + 1)
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            if self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
                continue
            self._wake()
        raise AssertionError("it never comes to rest")

    def _deadlines(self) -> dict[str, int | None]:
        return {name: life.next_deadline() for name, life in self.lives.items()}

    def _wake(self) -> None:
        at = self.desk.next_deadline()
        if at is not None and at <= self.now:
            self._step(self.desk.due(self.lives, self.now))
        for name, due in self._deadlines().items():
            if due is not None and due <= self.now:
                self._do(name, self.lives[name].due(self.now))
        self.settle()

    def start(self) -> None:
        self._step(self.desk.start(list(self.services), self.lives, self.now))
        self.settle()

    def stop(self) -> None:
        self._step(self.desk.stop(list(self.services), self.lives, self.now))
        self.settle()

    def check(self) -> None:
        """What holds at every moment."""
        for name, life in self.lives.items():
            assert life.state == "up" or life.reason, f"{name} is {life.state} and nobody knows why"
            assert life.state != "up" or self.keepers[name].alive, f"{name} is up without a keeper"
