"""What only our own desk has: phases, adoption, keepers whose memory counts one by one."""

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
    say("supervisors.py: our phases, our adoption, the memory of our keepers")
    _phases(run, rounds)
    _deaths(run, rounds)


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
        ready = [shift.told(name, "open")[0][1] for name in shift.names[:-1]]
        runs = [shift.told(name)[0][1] for name in shift.names[1:]]
    return [(begun - opened) / 1e6 for opened, begun in zip(ready, runs, strict=True)]


def _deaths(run: Run, rounds: int) -> None:
    """The daemon is killed and comes again to eleven programs that never noticed."""
    with Shift(Tradewarden, "ticking") as shift:
        desk = shift.supervisor
        if not isinstance(desk, Tradewarden):
            raise TypeError
        shift.up()
        time.sleep(SETTLED)
        keepers = [folk.pss_mb([pid]) for pid in desk.keepers]
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
        Figure(name="memory (PSS) of a keeper", value=middle(keepers), unit="MB", samples=len(keepers), at_most=1.5)
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
