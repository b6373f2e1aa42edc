"""A desk that records, over real sockets: what streams is kept, a full disk costs no more than what came meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from desk import INSTRUMENTS, LIVE, Desk, play
from tradewarden.feed.reader import Reader, tail
from tradewarden.feed.record import FIELDS, Row, rows
from tradewarden.feed.segment import file_name, first_seqs
from tradewarden.orchestrator.ledger import RecordedGap
from tradewarden.settings import JournalSettings, SinksSettings

# A store that has not read anything yet, so that nothing of the journal may go.
NEVER_READ = SinksSettings.model_validate(
    {"sqlite": {"enabled": False}, "parquet": {"enabled": False}, "nats": {"enabled": True, "process": "own"}}
)


def kept(state: Path) -> list[Row]:
    reader = Reader(state / "journal", after=0)
    found = list(rows(reader.read(1 << 40)))
    assert reader.holes == []
    reader.close()
    return found


def check(body: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = body["checks"][name][0]
    return found


def test_every_tick_that_streams_is_kept_with_its_depth_and_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    counts: list[int] = []

    async def scene(desk: Desk) -> None:
        await desk.until_headline("market.live")
        seen = desk.picture.feed.ticks_total
        await desk.until(lambda picture: picture.feed.ticks_total > seen + 50)
        assert tail(tmp_path / "journal") == sum(counts) + desk.parts.feed.ticks_total
        assert check((await desk.health())[1], "journal:write")["observedValue"] == "recording"
        desk.parts.stream.close()
        counts.append(desk.parts.feed.ticks_total)

    play(tmp_path, LIVE, scene, journal=JournalSettings())
    found = kept(tmp_path)
    assert [row.seq for row in found] == list(range(1, counts[0] + 1))
    assert {row.instrument for row in found} == set(INSTRUMENTS)
    *_, share = (row for row in found if row.instrument == INSTRUMENTS[1])
    assert share.has == 2 ** len(FIELDS) - 1
    assert any(share.depth)
    assert share.exchange_ns // 10**9 - int(LIVE.timestamp()) in range(600)
    assert abs(share.received_ns - share.exchange_ns) < 2 * 10**9

    play(tmp_path, LIVE, scene, journal=JournalSettings())
    assert [row.seq for row in kept(tmp_path)] == list(range(1, sum(counts) + 1))
    assert first_seqs(tmp_path / "journal") == [1, counts[0] + 1]


def test_a_desk_that_is_told_not_to_records_nothing_and_says_nothing_of_it(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("market.live")
        assert "journal:write" not in (await desk.health())[1]["checks"]

    play(tmp_path, LIVE, scene, journal=JournalSettings(record=False))
    assert not (tmp_path / "journal").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here: run as root, with mount allowed")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_on_a_full_disk_the_desk_goes_on_says_so_and_recovers_by_itself(small_disk: Path) -> None:
    async def scene(desk: Desk) -> None:
        await desk.until_headline("market.live")
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            while not desk.parts.recorder or desk.parts.recorder.journal.failed is None:
                try:
                    file.write(bytes(4096))
                except OSError:
                    await desk.until(lambda picture: picture.headline.code == "journal.failed", within=60)
        status, body = await desk.health()
        assert (status, body["headline"]["code"], body["status"]) == (503, "journal.failed", "fail")
        assert check(body, "journal:write")["status"] == "fail"
        assert "No space left" not in str(body)  # the reason is the operator's
        seen = desk.picture.feed.ticks_total
        await desk.until(lambda picture: picture.feed.ticks_total > seen + 200, within=120)
        assert desk.picture.feed.state == "streaming"
        assert desk.picture.feed.reconnects_total == 0
        ballast.unlink()
        await desk.until_headline("market.live", within=60)
        assert "ticks were not recorded" in check((await desk.health())[1], "journal:write")["output"]
        [gap] = [each for each in desk.parts.ledger.gaps() if each.feed == "journal"]
        assert gap.gap.causes == (f"{small_disk / 'journal'}: No space left on device",)
        assert set(gap.instruments) == set(INSTRUMENTS)
        before = tail(small_disk / "journal")
        journal = desk.picture.journal
        assert journal is not None
        assert before == desk.picture.feed.ticks_total - journal.lost_total
        await desk.until(lambda _: tail(small_disk / "journal") > before + 20)

    play(small_disk, LIVE, scene, journal=JournalSettings(), sinks=NEVER_READ)
    kept(small_disk)


def test_a_hole_that_a_store_finds_in_an_old_file_is_in_the_gap_ledger_and_the_rest_is_stored(tmp_path: Path) -> None:
    async def record(desk: Desk) -> None:
        await desk.until(lambda picture: picture.feed.ticks_total > 40)

    play(tmp_path, LIVE, record, journal=JournalSettings())
    play(tmp_path, LIVE, record, journal=JournalSettings())
    path = tmp_path / "journal" / file_name(1)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    found: list[RecordedGap] = []

    async def store(desk: Desk) -> None:
        async with asyncio.timeout(60):
            while not found:
                await asyncio.sleep(0.1)
                found.extend(gap for gap in desk.parts.ledger.gaps() if gap.feed == "journal")
        await desk.until(lambda picture: picture.sinks[0].written_total > 40, within=60)

    sinks = SinksSettings.model_validate({"parquet": {"enabled": False}})
    play(tmp_path, LIVE, store, journal=JournalSettings(), sinks=sinks)
    [gap] = found
    assert gap.gap.causes[0].startswith(f"{file_name(1)} is damaged from byte ")
    assert gap.gap.began < gap.gap.ended
