"""What only our own desk has: starts by a daemon that runs already, phases, adoption, the memory of a keeper."""

from __future__ import annotations

import os
import signal
import time
import urllib.error

import folk
from measured_desk import free_port
from process import PATIENCE
from result import Figure, Run, middle, say
from shift import Shift
from supervised_desk import Phased, Tradewarden
from supervision import SETTLED

PHASES = 5
OWN = 0.1  # seconds until a program of the phases is ready
LOOK = 0.002  # seconds between two questions to a daemon that starts


def measure(run: Run, rounds: int) -> None:
    """Everything of it."""
    say("supervisors.py: our starts, our phases, our adoption, the memory of our keepers")
    _starts(run, rounds)
    _phases(run, rounds)
    _deaths(run, rounds)


def _starts(run: Run, rounds: int) -> None:
    with Shift(Tradewarden, "ticking") as shift:
        desk = _ours(shift)
        shift.up()
        took = [_again(shift, desk) for _ in range(rounds)]
    run.add(
        Figure(
            name="start of eleven by a daemon that runs",
            value=middle(took),
            unit="ms",
            samples=rounds,
            at_most=400.0,
            rounds=took,
            note="from POST /api/desk/start, without conditions, no keepers there yet",
        )
    )


def _again(shift: Shift, desk: Tradewarden) -> float:
    """Stop everything, start it again; milliseconds from the word until all run."""
    time.sleep(SETTLED)
    programs = folk.programs(shift.folder)
    desk.order("stop")
    folk.until_ended(programs, PATIENCE)
    time.sleep(SETTLED)
    before = {name: len(shift.told(name)) for name in shift.names}
    begun = time.monotonic_ns()
    desk.order("start")
    shift.until(lambda: all(len(shift.told(name)) > count for name, count in before.items()), "the start of all")
    return (max(shift.told(name)[-1][1] for name in shift.names) - begun) / 1e6


def _ours(shift: Shift) -> Tradewarden:
    if not isinstance(shift.supervisor, Tradewarden):
        raise TypeError(f"{shift.supervisor.name} is not ours")
    return shift.supervisor


def _phases(run: Run, rounds: int) -> None:
    added = [wait for _ in range(rounds) for wait in _between()]
    run.add(
        Figure(
            name="added by a phase",
            value=middle(added),
            unit="ms",
            samples=len(added),
            at_most=50.0,
            note="from an open port to the first statement of the next program, the start of its process included",
        )
    )


def _between() -> list[float]:
    """Milliseconds from the readiness of each program to the life of the next one."""
    with Shift(Phased, "opening", [f"{OWN}:{free_port()}" for _ in range(PHASES)]) as shift:
        shift.up()
        shift.until(lambda: all(shift.told(name, "open") for name in shift.names), "an open port of each")
        ready = [shift.told(name, "open")[0][1] for name in shift.names[:-1]]
        runs = [shift.told(name)[0][1] for name in shift.names[1:]]
    return [(begun - opened) / 1e6 for opened, begun in zip(ready, runs, strict=True)]


def _deaths(run: Run, rounds: int) -> None:
    """The daemon is killed and comes again to eleven programs that never noticed."""
    with Shift(Tradewarden, "ticking") as shift:
        desk = _ours(shift)
        shift.up()
        time.sleep(SETTLED)
        keepers = [folk.pss_mib([pid]) for pid in desk.keepers]
        answered, adopted = [], []
        for _ in range(rounds):
            os.kill(desk.pid, signal.SIGKILL)
            desk.reap()
            begun = time.monotonic()
            desk.start()
            _until_answer(desk)
            answered.append(time.monotonic() - begun)
            adopted.append(desk.adoption())
    run.add(
        Figure(name="memory (PSS) of a keeper", value=middle(keepers), unit="MiB", samples=len(keepers), at_most=1.5)
    )
    run.add(
        Figure(
            name="adoption of eleven, the daemon's own work",
            value=middle(adopted),
            unit="ms",
            samples=rounds,
            at_most=50.0,
            rounds=adopted,
        )
    )
    run.add(
        Figure(
            name="daemon start to its health answer, eleven adopted",
            value=middle(answered),
            unit="s",
            samples=rounds,
            at_most=1.0,
            rounds=answered,
        )
    )


def _until_answer(desk: Tradewarden) -> None:
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        try:
            desk.ask("/api/system/health")
        except urllib.error.HTTPError:
            return  # 503 is an answer too: this desk has no broker
        except OSError:
            time.sleep(LOOK)
        else:
            return
    raise RuntimeError(f"the daemon has not answered within {PATIENCE:.0f} s")
