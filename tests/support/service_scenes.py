"""A service's life in every situation it can be in, every fact that can come there, and the table that both make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tradewarden.machines.backoff import SECOND
from tradewarden.machines.deed import Command, Deed, Tell
from tradewarden.machines.gate import OPEN, Gate
from tradewarden.machines.kept import (
    Escalated,
    Exited,
    Gone,
    Happening,
    OutputLost,
    Paused,
    Started,
    StartFailed,
    Stopping,
)
from tradewarden.machines.service import Kind, OnToken, Service, Tier
from tradewarden.machines.service_life import ServiceLife

ON, OFF = True, False
IST = ZoneInfo("Asia/Kolkata")
WALL = datetime(2026, 11, 23, 4, 30, tzinfo=UTC)  # 10:00 IST
KEEPER = 100
NEEDS = Gate(reason="waits for redis, which is starting")
TOKEN = Gate(reason="waits for auth to be valid: it is expired", bars=True)
MARKET = Gate(reason="waits for market.MCX to be live: it is closed", bars=True, stops=True)
SERVICE = Service(name="feed", command=("feed",))
STEP = Service(name="schema", command=("schema",), kind=Kind.STEP)
CHART = Service(name="chart", command=("chart",), tier=Tier.OPTIONAL, on_token=OnToken.SIGNAL)


def started(life: int = 1, *, keeper: int = KEEPER, at: datetime = WALL) -> Started:
    return Started(at=at, keeper=keeper, pid=500 + life, ticks=1, revision="r", boot="b", life=life)


def exited(code: int | None = 1, *, keeper: int = KEEPER, **facts: Any) -> Exited:
    known = {"at": WALL, "pid": 501, "up": 3.2, "asked": False}
    return Exited(keeper=keeper, code=code, **{**known, **facts})


def crashed(seconds: float = 11, **facts: Any) -> Exited:
    return exited(again_at=WALL + timedelta(seconds=seconds), **facts)


def start_failed(again_at: datetime | None = None, errno: int = 2) -> StartFailed:
    return StartFailed(at=WALL, keeper=KEEPER, errno=errno, text="No such file or directory", again_at=again_at)


def stopping() -> Stopping:
    return Stopping(at=WALL, keeper=KEEPER, pid=501, signal=15)


def escalated() -> Escalated:
    return Escalated(at=WALL, keeper=KEEPER, pid=501)


def paused() -> Paused:
    return Paused(at=WALL, keeper=KEEPER, attempts=5, window=60)


def gone(keeper: int = KEEPER) -> Gone:
    return Gone(at=WALL, keeper=keeper)


def lost(lines: int = 12, *, lasting: bool = False, since: datetime = WALL, keeper: int = KEEPER) -> OutputLost:
    return OutputLost(at=WALL, keeper=keeper, since=since, lines=lines, bytes=900, lasting=lasting)


class Scene:
    """One life and a clock; a fact is told as `scene.tell("wish", ON)`, each a second after the one before."""

    def __init__(self, service: Service = SERVICE, gate: Gate | None = OPEN, chance: float = 0.5) -> None:
        self.now = 0
        self.life = ServiceLife(service, lambda: chance, 0, IST)
        self.deeds: list[Deed] = []
        self.every: list[Deed] = []
        if gate is not None:
            self.tell("allow", gate)

    def tell(self, fact: str, *facts: Any, **more: Any) -> Scene:
        self.now += SECOND
        self.deeds = getattr(self.life, fact)(*facts, now=self.now, **more)
        self.every += self.deeds
        return self

    def hear(self, *happenings: Happening) -> Scene:
        for each in happenings:
            self.tell("kept", each)
        return self

    def wake(self) -> Scene:
        """Let its deadline come."""
        at = self.life.next_deadline()
        assert at is not None, "nobody is to wake it"
        self.now = at
        self.deeds = self.life.due(at)
        self.every += self.deeds
        return self

    def asked(self) -> Scene:
        return self.tell("wish", ON)

    def kept(self) -> Scene:
        return self.asked().tell("held", ON)

    def running(self) -> Scene:
        return self.kept().hear(started())

    def up(self) -> Scene:
        return self.running().tell("ready")

    def lines(self) -> list[str]:
        """What the keeper was told last."""
        return [deed.line for deed in self.deeds if isinstance(deed, Command)]

    def stands(self) -> tuple[str, str | None]:
        return self.life.state.value, self.life.reason


def _ended_unready() -> Scene:
    scene = Scene().running()
    for life in (2, 3):
        scene.wake().hear(exited(-15, asked=True), gone(), started(life))
    return scene.wake()


SCENES: dict[str, Callable[[], Scene]] = {
    "down": Scene,
    "waiting": lambda: Scene(gate=TOKEN).asked(),
    "waiting, with a keeper": lambda: Scene().up().tell("allow", TOKEN).hear(exited()),
    "starting, keeper asked for": lambda: Scene().asked(),
    "starting, keeper there": lambda: Scene().kept(),
    "starting, no keeper to be had": lambda: Scene().asked().tell("refused", "nobody answers"),
    "starting, its keeper makes room": lambda: Scene().up().hear(exited(), paused()).asked(),
    "starting, it lives": lambda: Scene().running(),
    "starting, a step": lambda: Scene(STEP).running(),
    "up": lambda: Scene().up(),
    "up, an optional one": lambda: Scene(CHART).up(),
    "up, not ready any more": lambda: Scene().up().tell("unready", "port 6379 refuses"),
    "stopping": lambda: Scene().up().tell("wish", OFF),
    "stopping, no keeper yet": lambda: Scene().asked().tell("wish", OFF),
    "stopping, to start again": lambda: Scene().up().tell("restart"),
    "stopping, the market is closed": lambda: Scene().up().tell("allow", MARKET),
    "stopping, never ready": _ended_unready,
    "backing_off": lambda: Scene().up().hear(crashed()),
    "backing_off, keeper silent": lambda: Scene().up().hear(exited()),
    "paused": lambda: Scene().up().hear(exited(), paused()),
    "done": lambda: Scene(STEP).running().hear(exited(0), gone()),
    "failed": lambda: Scene(CHART).up().hear(exited(), paused()),
}

Telling = Callable[[Scene], object]
FACTS: dict[str, Telling] = {
    "wish(on)": lambda scene: scene.tell("wish", ON),
    "wish(off)": lambda scene: scene.tell("wish", OFF),
    "restart": lambda scene: scene.tell("restart"),
    "kill": lambda scene: scene.tell("kill"),
    "allow(all)": lambda scene: scene.tell("allow", OPEN),
    "allow(a need is not up)": lambda scene: scene.tell("allow", NEEDS),
    "allow(a condition is not met)": lambda scene: scene.tell("allow", TOKEN),
    "allow(the market is closed)": lambda scene: scene.tell("allow", MARKET),
    "auto_restart(off)": lambda scene: scene.tell("auto_restart", OFF),
    "session_began": lambda scene: scene.tell("session_began"),
    "token_changed": lambda scene: scene.tell("token_changed"),
    "refused": lambda scene: scene.tell("refused", "the keepers' socket is not there"),
    "held(on)": lambda scene: scene.tell("held", ON),
    "held(off)": lambda scene: scene.tell("held", OFF),
    "unheard": lambda scene: scene.tell("unheard"),
    "Started": lambda scene: scene.hear(started(2)),
    "StartFailed, again": lambda scene: scene.hear(start_failed(WALL)),
    "StartFailed": lambda scene: scene.hear(start_failed()),
    "Exited, again": lambda scene: scene.hear(crashed()),
    "Exited": lambda scene: scene.hear(exited()),
    "Exited, well": lambda scene: scene.hear(exited(0)),
    "Exited, asked": lambda scene: scene.hear(exited(-15, asked=True)),
    "Exited, unseen": lambda scene: scene.hear(exited(None)),
    "Stopping": lambda scene: scene.hear(stopping()),
    "Escalated": lambda scene: scene.hear(escalated()),
    "Paused": lambda scene: scene.hear(paused()),
    "OutputLost": lambda scene: scene.hear(lost()),
    "Gone": lambda scene: scene.hear(gone()),
    "ready": lambda scene: scene.tell("ready"),
    "unready": lambda scene: scene.tell("unready", "connection refused"),
    "its time is over": lambda scene: scene.wake() if scene.life.next_deadline() is not None else None,
}


def table() -> str:
    """What each fact does in each situation, in full: the golden table."""
    return "\n".join(_rows())


def _rows() -> Iterator[str]:
    for title, begin in SCENES.items():
        scene = begin()
        yield f"## {title}\n\n{_stand(scene)}\n"
        for name, fact in FACTS.items():
            scene = begin()
            before = _stand(scene)
            scene.deeds = []
            fact(scene)
            after = _stand(scene)
            deeds = ", ".join(map(_deed, scene.deeds))
            told = "-" if after == before else after
            yield f"- {name}: {told}" + (f" => {deeds}" if deeds else "")
        yield ""


def _stand(scene: Scene) -> str:
    at = scene.life.next_deadline()
    patience = "" if at is None else f" [{(at - scene.now) / SECOND:g} s]"
    return f"{scene.life.state} ({scene.life.reason}){patience}"


def _deed(deed: Deed) -> str:
    match deed:
        case Command(line):
            return f"`{line}`"
        case Tell(event, reason):
            return f"tell {event} ({reason})"
    return type(deed).__name__


PLAIN = {
    "down": "down",
    "waiting": "waiting, with a keeper",
    "starting": "starting, it lives",
    "up": "up",
    "stopping": "stopping",
    "backing_off": "backing_off",
    "paused": "paused",
    "done": "done",
    "failed": "failed",
}


def matrix() -> Iterator[str]:
    """Where each fact leads from each state, for people."""
    yield "| fact \\ in | " + " | ".join(PLAIN) + " |"
    yield "|---" * (len(PLAIN) + 1) + "|"
    for name, fact in FACTS.items():
        yield f"| **{name}** | " + " | ".join(_leads(SCENES[scene], fact) for scene in PLAIN.values()) + " |"


def _leads(begin: Callable[[], Scene], fact: Telling) -> str:
    scene = begin()
    before = scene.stands()
    scene.deeds = []
    fact(scene)
    if scene.life.state.value != before[0]:
        return scene.life.state.value
    return "stays" if scene.deeds or scene.stands() != before else "-"
