import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from desk import LIVE, Desk, play
from stores_shown import a_sink
from tradewarden.machines.report import DeliveryReport, Layer, Picture
from tradewarden.machines.service import DeskReport, Kind, ServiceReport, ServiceState, Tier
from tradewarden.machines.sink import SinkState
from tradewarden.orchestrator.heartbeat import INTERVAL
from tradewarden.orchestrator.report import Reports


def test_ages_alone_never_raise_the_number_of_the_picture(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("market.live")
        await asyncio.sleep(60)
        before = desk.picture
        await asyncio.sleep(300)
        assert desk.picture.seq == before.seq
        assert desk.picture.feed.ticks_total > before.feed.ticks_total

    play(tmp_path, LIVE, scene, tick_seconds=1.0)


def test_every_change_of_a_machine_raises_the_number_and_is_told_once(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        told: list[int] = []
        desk.parts.reports.subscribe(lambda picture: told.append(picture.seq))
        await desk.until_feed("streaming")
        desk.broker.do("drop_socket")
        await asyncio.sleep(5)
        assert told == list(range(told[0], told[0] + len(told)))
        assert len(told) >= 4

    play(tmp_path, LIVE, scene)


def test_a_headline_keeps_its_moment_for_as_long_as_it_stands(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        begun = desk.picture.headline.since
        await asyncio.sleep(120)
        assert desk.picture.headline.code == "auth.required"
        assert desk.picture.headline.since == begun

    play(tmp_path, LIVE, scene, token=False)


def test_the_picture_says_that_the_daemon_is_stopping(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        desk.parts.reports.stop()
        assert (desk.picture.headline.code, desk.picture.stopping) == ("system.stopping", True)

    play(tmp_path, LIVE, scene)


def test_the_first_picture_has_a_true_headline_and_tells_it_in_the_log(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        parts = desk.parts
        with structlog.testing.capture_logs() as logs:
            reports = Reports(parts.market, parts.auth, parts.feed, desk.clock, parts.heartbeat.age)
        assert (reports.picture.seq, reports.picture.headline.code) == (1, "auth.required")
        assert [(log["event"], log["code"], log["seq"]) for log in logs] == [("health.headline", "auth.required", 1)]

    play(tmp_path, LIVE, scene, token=False)


def test_a_critical_service_that_is_down_is_the_headline_a_failure_only_while_data_is_wanted(
    tmp_path: Path,
) -> None:
    down = ServiceReport(
        name="feed",
        description="",
        kind=Kind.PROGRAM,
        tier=Tier.CRITICAL,
        phase=1,
        enabled=True,
        auto_restart=True,
        state=ServiceState.PAUSED,
        reason="exit code 3",
        since=LIVE,
    )
    one = DeskReport(state="degraded", reason=None, since=LIVE, services=(down,))
    optional = replace(one, services=(replace(down, tier=Tier.OPTIONAL),))

    async def scene(desk: Desk, *, wanted: bool) -> None:
        await desk.until(lambda picture: picture.headline.layer is Layer.MARKET and picture.auth.state == "valid")
        before, desk.parts.reports.desk = desk.picture.seq, lambda: one
        desk.parts.reports.refresh()
        assert (desk.picture.headline.code, desk.picture.desk) == ("services.failed", one)
        assert desk.picture.headline.severity.status == ("fail" if wanted else "warn")
        assert desk.picture.seq == before + 1
        desk.parts.reports.desk = lambda: optional
        desk.parts.reports.refresh()
        assert desk.picture.headline.layer is Layer.MARKET, "an optional one is no headline"
        assert desk.picture.seq == before + 2, "but it is news"

    for name in ("live", "night"):
        (tmp_path / name).mkdir()
    play(tmp_path / "live", LIVE, lambda desk: scene(desk, wanted=True))
    play(tmp_path / "night", LIVE.replace(hour=22), lambda desk: scene(desk, wanted=False))


def test_at_rest_a_picture_is_drawn_for_whoever_looks_and_a_change_that_nobody_tells_is_seen_at_the_next_beat(
    tmp_path: Path,
) -> None:
    fine = a_sink()

    told: list[Picture] = []

    async def scene(desk: Desk) -> None:
        reports = desk.parts.reports
        reports.subscribe(told.append)
        await asyncio.sleep(60 + INTERVAL / 2)
        assert desk.picture.feed.state == "blocked_on_auth"
        for _ in range(10):
            await asyncio.sleep(INTERVAL)
            first = desk.picture
            assert desk.clock.now() - first.now < timedelta(seconds=INTERVAL)
            assert desk.picture is first, "one a beat"
        for nth in range(4):
            reports.sinks = lambda: (fine,)
            await asyncio.sleep(INTERVAL)
            assert told[-1].sinks == (fine,), nth
            reports.sinks, before = lambda: (replace(fine, state=SinkState.BEHIND),), told[-1].seq
            await asyncio.sleep(INTERVAL)
            assert told[-1].seq == before + 1, "nobody has looked, and it is told"
            await asyncio.sleep(INTERVAL * nth)

    play(tmp_path, LIVE, scene, token=False)


def test_at_rest_nobody_draws_what_nobody_looks_at_but_for_every_ten_seconds(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        reports, drawn = desk.parts.reports, list[int]()
        await asyncio.sleep(60)

        def deliveries() -> DeliveryReport:
            drawn.append(1)
            return DeliveryReport(ways=())

        reports.deliveries = deliveries
        await asyncio.sleep(60)
        assert 5 <= len(drawn) <= 6

    play(tmp_path, LIVE, scene, token=False)


def test_a_change_that_is_told_is_seen_at_once_although_nothing_moved_before(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await asyncio.sleep(60)
        desk.parts.market.use(desk.parts.market.calendar, problem="a calendar file is not used")
        assert desk.picture.market.segments[0].problem == "a calendar file is not used"
        assert desk.picture.now == desk.clock.now()

    play(tmp_path, LIVE, scene, token=False)


def test_while_ticks_come_each_beat_has_its_picture(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await asyncio.sleep(60 + INTERVAL / 2)
        assert desk.picture.feed.state == "streaming"
        for _ in range(10):
            await asyncio.sleep(INTERVAL)
            assert desk.clock.now() - desk.picture.now < timedelta(seconds=INTERVAL)

    play(tmp_path, LIVE, scene, tick_seconds=1.0)
