"""docs/machines.md and the golden tables, written from the machines' classes: `make docs`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import service_scenes
from machines_at import HOUR, auth_in, feed_in, tell, token
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.backoff import SECOND, Backoff
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.market import MarketSession
from tradewarden.machines.service import ServiceState
from tradewarden.machines.service_life import ServiceLife
from tradewarden.machines.statechart import Machine
from transitions import matrix, table, walk

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "machines.md"
GOLDEN = ROOT / "tests" / "machines" / "golden"
MACHINES: dict[str, type[Machine]] = {"auth": AuthToken, "feed": FeedWatchdog, "market": MarketSession}

Scene = tuple[str, Callable[[], Machine]]


def golden(name: str) -> str:
    """The full transition table of one machine."""
    return table(MACHINES[name])


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_token(), *_feed(), *_market(), *_service(), _backoff()])


_INTRODUCTION = """# The machines

This page is written by `make docs` from the classes in `src/tradewarden/machines/`; a test compares it. Every line of
it was read from a class or measured on one, so it cannot be older than the code.

How to read it: facts go in, a state and things to be done come out. A machine knows no clock, no socket and no file;
its driver in `src/tradewarden/orchestrator/` tells it what happened and when, does what it asks, and wakes it at its
one deadline. In the tables `-` means that the event is ignored in that state and counted; `stays` means that something
is done while the state, and the time since when it holds, remain; words in brackets are guards. Every answer carries
the number of the token or of the socket that it speaks of: an older one is dropped and counted.

Ticks, heartbeats and health requests never pass through a machine. A tick writes one number.

The three meet in one pure function, `tell_feed` in `coupling.py`, which is asked after every change.
"""


def _token() -> Iterator[str]:
    yield "## The token: `AuthToken`\n"
    yield from _about(AuthToken)
    yield from _deadlines(
        [
            ("unknown, a token is held, first unanswered question", lambda: auth_in("unknown")),
            ("unknown, no token is held", _looked),
            ("exchanging beside a held token", lambda: auth_in("exchanging")),
            ("exchanging without a token", lambda: auth_in("exchanging", held=False)),
            ("verifying", lambda: auth_in("verifying")),
            ("verifying, the token's hint ends in 5 s", lambda: auth_in("verifying", expires_at=_soon())),
            ("valid, the hint ends in 8 h", lambda: _hinted("valid", 8 * HOUR, None)),
            ("valid, the hint ends in 8 h, probe hour in 1 h", lambda: _hinted("valid", 8 * HOUR, HOUR)),
            ("valid, first unanswered probe", _unanswered),
            ("expiring, the hint ends in 10 min", lambda: _hinted("expiring", HOUR // 6, None)),
            ("required", lambda: auth_in("required")),
            ("expired", lambda: auth_in("expired")),
        ]
    )


def _feed() -> Iterator[str]:
    yield "## The feed: `FeedWatchdog`\n"
    yield from _about(FeedWatchdog)
    scenes: list[Scene] = [(leaf, partial(feed_in, leaf)) for leaf in ("halted", "blocked_on_auth", "connecting")]
    for leaf, expected in product(("connected", "streaming"), ("dense", "sparse", "none")):
        due = "no data due" if expected == "none" else f"{expected} data due"
        scenes.append((f"{leaf}, {due}", partial(feed_in, leaf, expected=expected)))
    scenes += [
        ("stale", lambda: feed_in("stale")),
        ("backing_off, first loss", lambda: feed_in("backing_off")),
        ("backing_off after a 429", _throttled),
        ("backing_off after a refusal that the probe contradicts", _refused),
    ]
    yield from _deadlines(scenes)


def _market() -> Iterator[str]:
    yield "## The market: `MarketSession`\n"
    yield _text(MarketSession) + "\n"
    yield "### Transitions\n"
    yield matrix(MarketSession)


def _service() -> Iterator[str]:
    yield f"## A service: `ServiceLife`\n\n{_text(ServiceLife)}\n"
    yield (
        "A plain class: what a fact does depends on what its keeper was told before, so a state has several "
        "situations. The table shows the plainest of each state, measured; `tests/machines/golden/service_life.md` "
        "has all of them, with every reason and every deed. What its keeper writes down is written large. `Desk`, "
        "beside it in `desk.py`, starts and stops all services, phase by phase.\n"
    )
    yield f"States: {', '.join(f'`{each}`' for each in ServiceState)}.\n"
    yield from service_scenes.matrix()
    yield ""


def _backoff() -> str:
    longest = ", ".join(f"{Backoff().delay(tries, lambda: 0.999999999) / SECOND:g} s" for tries in range(8))
    return (
        f"## The wait between two tries: `Backoff`\n\n{_text(Backoff)}\n\n"
        f"The longest waits, try by try: {longest}; the shortest is always {Backoff().floor / SECOND:g} s.\n"
    )


# One machine


def _about(machine: type[Machine]) -> Iterator[str]:
    yield _text(machine) + "\n"
    yield f"```mermaid\n{_diagram(machine)}\n```\n"
    yield "### Transitions\n"
    yield matrix(machine)
    yield "### Words in the tables\n"
    yield "| word | meaning |\n|---|---|"
    yield from (f"| {word} | {meaning} |" for word, meaning in _words(machine))
    yield ""


def _words(machine: type[Machine]) -> Iterator[tuple[str, str]]:
    named = dict.fromkeys(word for row in walk(machine) for word in re.findall(r"\w+", f"{row.guard} {row.deeds}"))
    for word in named:
        if word not in ("and", "or", "not"):
            yield f"`{word}`", _text(getattr(machine, word)).split("\n")[0]


def _diagram(machine: type[Machine]) -> str:
    """The library's own diagram without the callbacks that every state and transition has."""
    lines = f"{machine:mermaid}".splitlines()
    kept = (line for line in lines if not line.endswith(": entry / on_enter_state"))
    return "\n".join(re.sub(r"( /|,) on_transition$", "", line) for line in kept).rstrip()


def _text(documented: Any) -> str:
    text = inspect.getdoc(documented)
    if text is None:
        raise LookupError(f"{documented} has no docstring")
    return text


# Deadlines, measured


def _deadlines(scenes: list[Scene]) -> Iterator[str]:
    yield "### Deadlines\n"
    yield "Measured on a machine in each state, with chance in the middle of its range.\n"
    yield "| state | wakes after | event | leads to | asks for |\n|---|---|---|---|---|"
    yield from (_deadline(title, begin()) for title, begin in scenes)
    yield ""


def _deadline(title: str, machine: Machine) -> str:
    before, now, at = machine.leaf, machine.now, machine.next_deadline()
    if at is None:
        return f"| {title} | never | | | |"
    heard: list[str] = []
    fire = machine.fire

    def listen(event: str, **facts: Any) -> list[Any]:
        heard.append(event)
        return fire(event, **facts)

    machine.fire = listen  # type: ignore[method-assign]  # the event's name is nowhere else to be had
    asks = ", ".join(type(effect).__name__ for effect in machine.due(at))
    leads = "stays" if machine.leaf == before else machine.leaf
    return f"| {title} | {_span(at - now)} | {', '.join(heard)} | {leads} | {asks} |"


def _span(nanoseconds: int) -> str:
    seconds = nanoseconds / SECOND
    return f"{seconds / 60:g} min" if seconds >= 600 else f"{seconds:g} s"


def _soon() -> int:
    return auth_in("required").now + 5 * SECOND


def _looked() -> Machine:
    machine = auth_in("unknown", held=False)
    tell(machine, "recheck")
    return machine


def _hinted(leaf: str, expires_in: int, probe_in: int | None) -> Machine:
    machine = auth_in(leaf)
    probe_at = None if probe_in is None else machine.now + probe_in
    machine.hint(expires_at=machine.now + expires_in, probe_at=probe_at)
    return machine


def _unanswered() -> Machine:
    machine = auth_in("valid")
    tell(machine, "unreachable", gen=2)
    return machine


def _throttled() -> Machine:
    machine = feed_in("connecting")
    tell(machine, "lost", gen=1, reason="rate_limited")
    return machine


def _refused() -> Machine:
    machine = feed_in("connecting")
    tell(machine, "refused", gen=1)
    tell(machine, "auth_ready", token=token(2), confirmed=True)
    return machine


def write() -> None:
    """Write the page and the golden tables."""
    PAGE.write_text(page())
    for name in MACHINES:
        (GOLDEN / f"{name}.md").write_text(golden(name))
    (GOLDEN / "service_life.md").write_text(service_scenes.table())


if __name__ == "__main__":
    write()
