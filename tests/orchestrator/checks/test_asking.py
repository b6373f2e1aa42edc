"""A check is asked until it is good: often at first, seldom later, and never beyond the deadline."""

from __future__ import annotations

import asyncio
from functools import partial

from tradewarden.orchestrator.checks.asking import Asking
from tradewarden.orchestrator.checks.check import Verdict
from virtual_time import run_virtually


class Server:
    """Good after so many seconds; remembers when it was asked."""

    def __init__(self, good_after: float, answer_after: float = 0.0) -> None:
        self._good_after, self._answer_after = good_after, answer_after
        self.asked_at: list[float] = []

    async def ask(self) -> Verdict:
        now = asyncio.get_running_loop().time()
        self.asked_at.append(now)
        await asyncio.sleep(self._answer_after)
        return Verdict(good=now - self.asked_at[0] >= self._good_after, text=f"asked {len(self.asked_at)} times")


async def held_up(server: Server, seconds: float = 600.0) -> tuple[Verdict, float]:
    """The verdict, and how long after the server was ready it came."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    verdict = await Asking(server).until_good(seconds)
    return verdict, loop.time() - began


def test_a_service_that_is_ready_at_once_is_asked_once() -> None:
    server = Server(0)
    verdict, took = run_virtually(lambda: held_up(server))
    assert verdict == Verdict(good=True, text="asked 1 times")
    assert took == 0


def test_waiting_costs_fifty_milliseconds_at_most_or_a_hundredth_of_the_start() -> None:
    for needs in (0.001, 0.1, 0.5, 1, 2, 4.9, 10, 30, 60, 250):
        _, took = run_virtually(partial(held_up, Server(needs)))
        assert needs <= took <= needs + max(0.05, 0.0102 * needs)


def test_a_long_start_is_not_asked_to_death() -> None:
    server = Server(600)
    run_virtually(lambda: held_up(server, 700))
    pauses = [later - earlier for earlier, later in zip(server.asked_at, server.asked_at[1:], strict=False)]
    assert max(pauses) == 1
    assert len(server.asked_at) < 1100


def test_at_the_deadline_the_last_verdict_tells_what_was_missing() -> None:
    asking = Asking(Server(100))
    verdict = run_virtually(lambda: asking.until_good(1))
    assert not verdict.good
    assert verdict.text == f"asked {asking.asked} times"
    assert asking.last == verdict
    assert asking.asked == 50


def test_a_check_that_never_answers_is_left_at_the_deadline() -> None:
    verdict = run_virtually(lambda: Asking(Server(0, answer_after=1000)).until_good(3))
    assert verdict == Verdict(good=False, text="there was no answer within 3 s")
