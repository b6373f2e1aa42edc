"""Passwords as they are kept: slow to try, one at a time, off the loop, and alike for names that nobody has."""

from __future__ import annotations

import asyncio
import time

import pytest

from tradewarden.orchestrator import passwords
from tradewarden.orchestrator.passwords import MOST_WAITING, BusyError, Passwords, one_time


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "COST", 4)


async def test_a_try_costs_a_tenth_of_a_second_and_the_loop_goes_on() -> None:
    keeper, ticks = Passwords(), 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    beat = asyncio.create_task(ticking(), name="ticking")
    begun = time.process_time()
    kept = await keeper.sealed("violet umbrella kettle")
    cost = time.process_time() - begun
    beat.cancel()
    assert kept.startswith("scrypt$15$")
    assert cost > 0.03
    assert ticks > 1


async def test_a_name_that_nobody_has_costs_as_much_as_one_that_somebody_has() -> None:
    keeper, spent = Passwords(), {}
    kept, (_, once) = await keeper.sealed("violet umbrella kettle"), one_time()
    for name, stored in (("wrong", kept), ("nobody", None), ("one-time", once)):
        begun = time.process_time()
        assert not await keeper.fits("another one", stored)
        spent[name] = time.process_time() - begun
    assert max(spent.values()) < 3 * min(spent.values())


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("password", ["violet umbrella kettle", "x\0y", "\ud800", "é", "🐘" * 512, ""])
async def test_any_text_is_kept_and_found_again(password: str) -> None:
    keeper = Passwords()
    kept = await keeper.sealed(password)
    assert await keeper.fits(password, kept)
    assert not await keeper.fits(password + "x", await keeper.sealed(password[:511]))
    assert kept != await keeper.sealed(password), "each has a salt of its own"


@pytest.mark.usefixtures("cheap")
async def test_what_was_kept_at_another_cost_is_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Passwords()
    kept = await keeper.sealed("violet umbrella kettle")
    monkeypatch.setattr(passwords, "COST", 6)
    assert await keeper.fits("violet umbrella kettle", kept)


@pytest.mark.usefixtures("cheap")
async def test_a_one_time_password_is_never_the_same_and_may_be_pasted_with_blanks() -> None:
    keeper, (first, kept) = Passwords(), one_time()
    assert len(first) == 23
    assert first != one_time()[0]
    assert await keeper.fits(f" {first}\n", kept)
    assert not await keeper.fits(first[:-1], kept)


@pytest.mark.usefixtures("cheap")
async def test_one_is_looked_at_at_a_time_and_a_crowd_is_sent_away() -> None:
    keeper = Passwords()
    tries = [asyncio.create_task(keeper.fits("x", None)) for _ in range(MOST_WAITING + 3)]
    told = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(each, BusyError) for each in told] == [False] * MOST_WAITING + [True] * 3
    assert not await keeper.fits("x", None), "and then it goes on"
