"""A line in the service's log tells that it is ready: of this life, over rotations, and each line is read once."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.machines.service import Output, Ready, Service
from tradewarden.orchestrator.checks.check import Check
from tradewarden.orchestrator.checks.registry import check_of
from tradewarden.orchestrator.log_line import stamp

FILES = 3  # older ones beside the log
BEGAN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Scene:
    """A service's log, and the check that reads it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "feed.log"
        self.life: datetime | None = BEGAN
        self.at = BEGAN

    def says(self, *lines: str, after: float = 0.001) -> None:
        """The keeper writes these down, each a moment after the one before."""
        with self.path.open("ab") as log:
            for line in lines:
                self.at += timedelta(seconds=after)
                log.write(f"{stamp(self.at)} feed {line}\n".encode())

    def rotates(self, *, compress: bool = False) -> None:
        """As the keeper does: the present file becomes .1, the older ones move up."""
        for number in range(8, 0, -1):
            for ending in ("", ".gz"):
                older = Path(f"{self.path}.{number}{ending}")
                if older.exists():
                    older.rename(f"{self.path}.{number + 1}{ending}")
        aside = self.path.rename(f"{self.path}.1")
        if compress:
            Path(f"{aside}.gz").write_bytes(gzip.compress(aside.read_bytes()))
            aside.unlink()

    def check(self, wanted: str = "ready", patience: float = 2.0, files: int = FILES) -> Check:
        """What asks for this line."""
        ready = Ready(kind="log_line", target=wanted)
        service = Service(name="feed", command=("feed",), ready=ready, output=Output(files=files))
        return check_of(service, log=self.path, started_at=lambda: self.life, now=lambda: self.at, patience=patience)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_it_is_ready_once_the_line_is_there(scene: Scene) -> None:
    check = scene.check()
    assert (await check.ask()).text == "its log has no line with 'ready' yet, of 0 lines since its start"
    scene.says("reading files")
    assert (await check.ask()).text == "its log has no line with 'ready' yet, of 1 line since its start"
    scene.says("still reading")
    assert (await check.ask()).text == "its log has no line with 'ready' yet, of 2 lines since its start"
    scene.says("now ready to serve", "more")
    verdict = await check.ask()
    assert verdict.good
    assert verdict.text == "its log has the line with 'ready'"
    assert (await check.ask()).good


@pytest.mark.parametrize("empty", [False, True])
async def test_the_first_words_may_come_late(scene: Scene, *, empty: bool) -> None:
    check = scene.check()
    if empty:
        scene.says()
    assert not (await check.ask()).good
    scene.says("now ready to serve", after=60)
    assert (await check.ask()).good


async def test_a_line_of_an_earlier_life_does_not_count(scene: Scene) -> None:
    scene.says("ready", "bye")
    scene.life = scene.at + timedelta(microseconds=500)
    check = scene.check()
    assert not (await check.ask()).good
    scene.says("hello")
    assert not (await check.ask()).good
    scene.says("ready")
    assert (await check.ask()).good


async def test_a_new_life_has_to_say_it_again(scene: Scene) -> None:
    check = scene.check()
    scene.says("ready")
    assert (await check.ask()).good
    scene.says("one that nobody read before it ended, ready too")
    scene.life = scene.at + timedelta(microseconds=500)
    scene.says("hello")
    assert not (await check.ask()).good
    scene.says("ready")
    assert (await check.ask()).good


async def test_a_daemon_that_comes_later_finds_the_line_far_back_in_this_life(scene: Scene) -> None:
    scene.says("ready", "-")
    scene.life = scene.at + timedelta(microseconds=50)
    scene.says("ready", *(f"tick {number}" for number in range(5000)), after=0.0001)
    scene.rotates()
    scene.says(*(f"tick {number}" for number in range(3000)), after=0.0001)
    assert (await scene.check().ask()).good
    assert not (await scene.check("tick 5000").ask()).good
    assert (await scene.check("tick 4999").ask()).good


@pytest.mark.parametrize("compress", [False, True])
async def test_a_rotation_loses_no_line(scene: Scene, *, compress: bool) -> None:
    check = scene.check("ready")
    scene.says("hello")
    assert not (await check.ask()).good
    scene.says("ready")
    scene.rotates(compress=compress)
    scene.says("tick")
    scene.rotates(compress=compress)
    scene.says("tick")
    assert (await check.ask()).good


@pytest.mark.parametrize("compress", [False, True])
async def test_a_log_that_has_forgotten_the_start_is_no_reason_to_doubt_who_has_run_for_hours(
    scene: Scene, *, compress: bool
) -> None:
    scene.says("ready")
    for _ in range(FILES):
        scene.rotates(compress=compress)
        scene.says("tick")
    assert (await scene.check("ready").ask()).text == "its log has the line with 'ready'"
    assert not (await scene.check("READY", files=FILES + 1).ask()).good
    verdict = await scene.check("READY").ask()
    assert verdict.good
    assert verdict.text == "its log does not reach back to its start, where 'READY' may have been"


async def test_who_has_written_too_much_to_look_back_through_is_not_doubted_either(scene: Scene) -> None:
    scene.says(*("tick" for _ in range(5000)), after=0.0001)
    assert (await scene.check(patience=0).ask()).good
    assert not (await scene.check(patience=2).ask()).good


async def test_a_rotation_under_way_is_no_trouble(scene: Scene) -> None:
    check = scene.check()
    scene.says("hello")
    assert not (await check.ask()).good
    scene.rotates()
    assert not (await check.ask()).good
    scene.says("ready")
    assert (await check.ask()).good


async def test_half_a_line_is_none_and_its_other_half_is_not_forgotten(scene: Scene) -> None:
    check = scene.check()
    scene.says("hello")
    for part in (stamp(scene.at).encode() + b" feed rea", b"dy", b"\n"):
        assert not (await check.ask()).good
        with scene.path.open("ab") as log:
            log.write(part)
    assert (await check.ask()).good


async def test_half_a_line_at_the_first_look_is_not_forgotten_either(scene: Scene) -> None:
    scene.path.write_bytes(stamp(BEGAN).encode() + b" feed rea")
    check = scene.check()
    assert not (await check.ask()).good
    with scene.path.open("ab") as log:
        log.write(b"dy\n")
    assert (await check.ask()).good


async def test_name_and_stamp_are_not_part_of_the_line(scene: Scene) -> None:
    scene.says("hello")
    for wanted in ("feed", "2026", "/^feed/"):
        assert not (await scene.check(wanted).ask()).good
    assert (await scene.check("/^hel+o$/").ask()).good


async def test_a_regular_expression_stands_between_slashes(scene: Scene) -> None:
    scene.says("listening on port 8050 \u00fc bereit", "a/b/c")
    assert (await scene.check(r"/port \d+ . bereit$/").ask()).good
    assert not (await scene.check(r"port \d+").ask()).good
    assert (await scene.check("/b/").ask()).good
    assert (await scene.check("/").ask()).good
    assert not (await scene.check("/q").ask()).good


async def test_the_clock_may_step_back_once_the_life_is_known(scene: Scene) -> None:
    check = scene.check()
    scene.says("hello")
    assert not (await check.ask()).good
    scene.at -= timedelta(hours=1)
    scene.says("ready")
    assert (await check.ask()).good


async def test_a_line_of_an_earlier_life_does_not_count_though_the_clock_was_put_back(scene: Scene) -> None:
    scene.says("ready")
    scene.at -= timedelta(hours=1)
    scene.life = scene.at
    check = scene.check()
    assert not (await check.ask()).good
    scene.says("hello")
    assert not (await check.ask()).good
    assert not (await scene.check().ask()).good


async def test_a_flood_is_read_in_pieces_and_no_question_takes_longer_than_its_deadline(scene: Scene) -> None:
    check = scene.check(patience=0.0)
    assert not (await check.ask()).good
    scene.says("hello")
    assert not (await check.ask()).good
    scene.says(*("x" * 2000 for _ in range(1000)), "ready", after=0)
    asked = 0
    while not (await check.ask()).good:
        asked += 1
    assert asked == 2_030_000 // (256 * 1024)


async def test_a_line_without_an_end_fills_no_memory(scene: Scene) -> None:
    check = scene.check()
    scene.says("hello")
    assert not (await check.ask()).good
    with scene.path.open("ab") as log:
        log.write(stamp(scene.at).encode() + b" feed " + b"x" * 1_000_000)
    assert not (await check.ask()).good
    with scene.path.open("ab") as log:
        log.write(b"\n")
    scene.says("ready")
    assert (await check.ask()).good


async def test_a_log_that_cannot_be_read_is_named(scene: Scene) -> None:
    scene.path.mkdir()
    assert (await scene.check().ask()).text == f"{scene.path} cannot be read: Is a directory"
