"""The desk's programs outlive whoever is killed: the daemon at any moment, a keeper, the process keepers come from.

Each program notes its own lives, holds a lock of its own and numbers its lines; the trial compares that with what the
keepers wrote down, with what the daemons told, and with every line of the logs. `make chaos` kills a hundred times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from witnessed_desk import LINE, WitnessedDesk, is_alive, until

KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "27"))
PROGRAMS = {"talker": "talking", "flood": "flooding", "crasher": "crashing", "silent": "silent", "slow": "slow"}
STEADY = [name for name, manner in PROGRAMS.items() if manner != "crashing"]  # these end only when somebody asks
MOMENTS = ("boot", "flood", "stop", "start", "crash")  # programs flood and crash all the time


@pytest.mark.timeout(120 + 12 * KILLS)
def test_no_program_no_exit_code_and_no_line_is_lost_whenever_the_daemon_is_killed(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with WitnessedDesk(tmp_path, PROGRAMS, room=20 + 3 * KILLS) as desk:
        for nth in range(KILLS):
            kill_at(desk, MOMENTS[nth % len(MOMENTS)], chance)
        desk.begin()
        desk.answers()
        desk.ask("start")
        until(lambda: all(map(desk.running, STEADY)), "the start of everything")
        desk.ask("down")
        until(lambda: not any(map(desk.running, PROGRAMS)), "the end of everything")
        until(lambda: not unheard(desk), f"the news of every exit: {unheard(desk)}")
        desk.kill(signal.SIGTERM)
        for name in PROGRAMS:
            nothing_lost(desk, name)
        assert not (tmp_path / "doubled").exists(), "a program ran twice at once"
        assert len(desk.lives("crasher")) > KILLS


def kill_at(desk: WitnessedDesk, moment: str, chance: random.Random) -> None:
    """Bring the desk to this moment, kill its daemon, and look who lives."""
    desk.begin()
    if moment == "boot":
        time.sleep(chance.uniform(0.0, 1.2))
    else:
        desk.answers()
        if moment in ("start", "stop"):
            desk.ask(moment)
        time.sleep(chance.uniform(0.0, 0.4))
    before = {name: pid for name in STEADY if (pid := desk.running(name))}
    desk.kill()
    if moment != "stop":
        time.sleep(0.1)  # one that prints would fail within this time
        assert {name: pid for name, pid in before.items() if not is_alive(pid)} == {}, f"died with the daemon: {moment}"


def unheard(desk: WitnessedDesk) -> list[tuple[str, int, int | None, float]]:
    """Exits that the keepers wrote down and no daemon has told."""
    told = {(each["service"], each["pid"], each["code"], each["up"]) for each in desk.told("service.exited")}
    exits = [(name, each["pid"], each["code"], each["up"]) for name in PROGRAMS for each in desk.status(name, "exit")]
    return [each for each in exits if each not in told]


def nothing_lost(desk: WitnessedDesk, name: str) -> None:
    """Each life has one end with its own code, and all its lines are there, whole and in their order."""
    exits = [(event["pid"], event["code"]) for event in desk.status(name, "exit")]
    starts = [event["pid"] for event in desk.status(name, "start")]
    assert starts == [pid for pid, _ in exits], f"{name}: a life without an end, or an end without a life"
    lives = desk.lives(name)
    wrong = Counter((life.pid, life.code) for life in lives if life.code is not None) - Counter(exits)
    assert not wrong, f"{name}: ended with codes that nobody wrote down: {wrong}"
    said: dict[int, int] = {}
    for line in desk.words(name):
        found = LINE.fullmatch(line.removesuffix(b"\n"))
        assert found is not None, f"{name} has a line that is cut: {line!r}"
        assert found[1] == name.encode()
        assert int(found[3]) == said.get(int(found[2]), 0), (
            f"{name}: a line is missing, twice or out of order: {line!r}"
        )
        said[int(found[2])] = int(found[3]) + 1
    assert all(earlier < later for earlier, later in pairwise(said)), f"{name}: lives are mixed"
    counted = {life.number: life.lines for life in lives if life.lines}
    assert counted.items() <= said.items(), f"{name}: a life has lost its last lines"


def test_a_killed_keeper_costs_one_life_of_its_program_and_never_makes_two(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with WitnessedDesk(tmp_path, PROGRAMS) as desk:
        desk.begin()
        desk.answers()
        until(lambda: all(map(desk.running, STEADY)), "the start of everything")
        for name in chance.sample(STEADY, len(STEADY)):
            time.sleep(chance.uniform(0.0, 0.3))
            others = {other: desk.running(other) for other in STEADY if other != name}
            costs_one_life(desk, name)
            assert {other: desk.running(other) for other in others} == others
        assert not (tmp_path / "doubled").exists(), "a program ran twice at once"


def costs_one_life(desk: WitnessedDesk, name: str) -> None:
    before = desk.lives(name)[-1]
    os.kill(desk.status(name, "start")[-1]["keeper"], signal.SIGKILL)
    until(lambda: desk.lives(name)[-1].number == before.number + 1, f"a new life of {name}")
    assert not is_alive(before.pid)
    assert [event["pid"] for event in desk.status(name, "exit")].count(before.pid) == 1


def test_keepers_go_on_without_the_process_they_came_from_and_new_ones_find_another(tmp_path: Path) -> None:
    with WitnessedDesk(tmp_path, {"talker": "talking", "silent": "silent"}) as desk:
        desk.begin()
        desk.answers()
        until(lambda: all(map(desk.running, desk.programs)), "the start of everything")
        before = {name: desk.running(name) for name in desk.programs}
        os.kill(desk.zygote(), signal.SIGKILL)
        talker = before.pop("talker")
        assert talker is not None
        os.kill(talker, signal.SIGKILL)
        until(lambda: desk.running("talker") not in (None, talker), "a new life by the old keeper")
        assert {name: desk.running(name) for name in before} == before
        costs_one_life(desk, "silent")
        assert not (tmp_path / "doubled").exists(), "a program ran twice at once"
