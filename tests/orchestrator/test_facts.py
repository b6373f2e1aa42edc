"""What the services' conditions see of a real desk: markets and their days, tokens, flows, and the news of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from desk import LIVE, Desk, play
from tradewarden.machines.condition import lasts_until, parse, unmet
from tradewarden.machines.service import ServiceState
from tradewarden.orchestrator.facts import World

OPEN = "market in (pre_open, live)"


class Steady:
    def rate(self, source: str) -> float | None:
        return {"redis:ticks": 20.0}.get(source)


def world_of(desk: Desk) -> World:
    return World(desk.parts.market, desk.parts.accounts, desk.clock, Steady())


def test_a_condition_of_the_market_lasts_to_the_end_of_its_last_state(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        facts = world_of(desk).facts({"feed": ServiceState.UP}, ["redis:ticks", "redis:other"])
        assert facts.foremost == "NSE_EQ"
        assert unmet(parse(OPEN), facts) is None
        auction = LIVE.replace(hour=15, minute=15)
        assert lasts_until(parse(OPEN), facts) == auction, "the end of the pre-open, before it, is no end"
        assert unmet(parse("flow redis:ticks >= 20/s"), facts) is None
        assert (unmet(parse("flow redis:other >= 1/s"), facts) or "").endswith("nothing is known of it yet")
        assert unmet(parse("service feed up"), facts) is None

    play(tmp_path, LIVE.replace(hour=9, minute=2), scene)


def test_a_session_that_begins_is_told_once(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        world = world_of(desk)
        assert not world.session_began()
        assert unmet(parse(OPEN), world.facts({}, [])) == "waits for market.NSE_EQ to be pre_open or live: it is closed"
        await desk.until(lambda picture: picture.market.segments[0].state == "pre_open", within=3600)
        assert world.session_began()
        assert not world.session_began()
        await desk.until(lambda picture: picture.market.segments[0].state == "live", within=3600)
        assert not world.session_began(), "it has been open since the pre-open"

    play(tmp_path, LIVE.replace(hour=8, minute=59), scene, token=False)


def test_a_token_is_news_once_it_is_usable(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        world = world_of(desk)
        await desk.until_auth("required")
        assert world.new_tokens() == []
        assert unmet(parse("auth valid"), world.facts({}, [])) == "waits for auth to be valid: it is required"
        desk.save_token(desk.broker.mint())
        await desk.until_auth("valid")
        desk.clock.simulated = True
        (made_at,) = world.new_tokens()
        assert abs(made_at - datetime.now(UTC)) < timedelta(minutes=1), "keepers know the world's time, not the desk's"
        assert world.new_tokens() == []
        assert unmet(parse("auth valid"), world.facts({}, [])) is None

    play(tmp_path, LIVE, scene, token=False)
