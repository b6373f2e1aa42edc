"""How the desk's programs do, on a terminal and on paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pictures import at
from programs import DOWN, a_desk, a_service, serving_programs, three
from terminals import glass, paper
from tradewarden.control import Control
from tradewarden.http.services import service_document
from tradewarden.machines.service import ServiceState
from tradewarden.service_words import brief, lasting, size
from tradewarden.services_command import services
from tradewarden.status import status


class Fixed:
    """A clock that stands at 10:02."""

    simulated = False

    def now(self) -> Any:
        return at("10:02:10")

    def mono_ns(self) -> int:
        return 0


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what is written on a terminal is no event
        await asyncio.sleep(0.005)


async def asked(directory: Path, **how: Any) -> tuple[int, str, list[str]]:
    screen, out = paper()
    said: list[str] = []
    control = Control(socket=directory / "control")
    code = await services(control, screen=screen, complain=said.append, **{"as_json": False, "every": None, **how})
    return code, out.getvalue(), said


async def test_a_table_tells_how_each_does_and_why(tmp_path: Path) -> None:
    async with serving_programs(tmp_path, clock=Fixed()):
        code, text, said = await asked(tmp_path)
    assert (code, said) == (1, [])
    assert text == (
        "! The desk is degraded since 09:00:05\n"
        "  NAME    STATE        PHASE   PID  MEMORY    CPU         UP  RESTARTS  ERRORS/H\n"
        "● feed    up               1  4000   41 MB  1.5 %  1 h 2 min         0         0"
        "  50 quotes a batch, 20 batches/s\n"
        "↻ writer  backing off      2     -       -      -          -         2         7"
        "  ended with code 1, again at 10:02:14\n"
        "○ viewer  down             3     -       -      -          -         0         0  stopped by admin\n"
        "The machine: CPU 12 %, memory 3.1 GB of 8.0 GB, 90.0 GB free for logs\n"
    )


async def test_all_well_none_at_all_and_the_same_as_json(tmp_path: Path) -> None:
    async with serving_programs(tmp_path, a_desk(a_service())) as (_, programs):
        assert (await asked(tmp_path))[0] == 0
        code, text, _ = await asked(tmp_path, as_json=True)
        assert (code, json.loads(text)["services"][0]["name"]) == (0, "feed")
        programs.told = a_desk(a_service(), keepers_reachable=False, host=None, state="starting", phase=1)
        text = (await asked(tmp_path))[1]
        assert text.startswith("● The desk is starting, phase 1 of 1")
        assert text.endswith("nothing can be started. Run `tradewarden keepers`.\n")
        programs.told = a_desk()
        assert (await asked(tmp_path))[1].startswith("No service is configured")


async def test_rows_come_by_their_phases_in_whatever_order_the_file_has_them(tmp_path: Path) -> None:
    late, early = a_service("web", phase=6), a_service("feed", phase=3)
    async with serving_programs(tmp_path, a_desk(late, early)):
        text = (await asked(tmp_path))[1]
    assert text.index("● feed") < text.index("● web")


async def test_on_a_narrow_terminal_every_reason_can_be_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    why = "nothing listens on 127.0.0.1:8050, it was ended and is tried again, and that three times in all"
    screen, out = glass(NO_COLOR="1")
    bad = a_service("writer", state=ServiceState.BACKING_OFF, reason=why, pid=None)
    async with serving_programs(tmp_path, a_desk(a_service(), bad, state="degraded", reason=f"writer is down: {why}")):
        control = Control(socket=tmp_path / "control")
        assert await services(control, as_json=False, every=None, screen=screen, complain=lambda _: None) == 1
    shown = out.shown()
    assert max(map(len, shown)) < 80
    assert "…" not in out.getvalue()
    assert "PID" in next(line for line in shown if "NAME" in line)
    assert " ".join(" ".join(shown).split()).count("that three times in all") == 2


async def test_watching_paints_over_and_says_when_the_daemon_is_gone(tmp_path: Path) -> None:
    screen, out = glass(NO_COLOR="1")
    control = Control(socket=tmp_path / "control")
    watching = asyncio.create_task(services(control, as_json=False, every=0.01, screen=screen, complain=lambda _: None))
    async with asyncio.timeout(5):
        async with serving_programs(tmp_path, a_desk(a_service())) as (_, programs):
            await until(lambda: any("● feed" in line for line in out.shown()))
            programs.change("feed", state=ServiceState.FAILED, reason="no port")
            await until(lambda: any("✕ feed" in line for line in out.shown()))
        await until(lambda: "no tradewarden answers" in out.shown()[0])
    watching.cancel()
    await asyncio.wait({watching})


async def test_without_a_daemon_or_a_token_it_says_so(tmp_path: Path) -> None:
    code, text, said = await asked(tmp_path)
    assert (code, text) == (69, "")
    assert "is it running?" in said[0]
    async with serving_programs(tmp_path) as (desk, _):
        control = Control(url=desk.url, token="wrong")
        code = await services(control, as_json=False, every=None, screen=paper()[0], complain=said.append)
    assert code == 1
    assert "answers 403" in said[1]


async def test_the_status_tells_the_services_too(tmp_path: Path) -> None:
    said: list[str] = []
    async with serving_programs(tmp_path, three(state="degraded")) as (desk, _):
        assert await status(None, tmp_path / "control", as_json=False, every=None, say=said.append) == 0
        assert "  ! desk    degraded since 2026-01-05 09:00:05 IST" in said
        assert said[-3:] == [
            "    ● feed   up: 50 quotes a batch, 20 batches/s",
            "    ↻ writer backing off: ended with code 1, again at 10:02:14",
            "    ○ viewer down: stopped by admin",
        ]
        said.clear()
        assert await status(desk.url, None, as_json=False, every=None, say=said.append) == 0
    assert not any("feed up" in line for line in said)  # not for somebody without the token


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "1 min 1 s"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_times_are_told_in_their_two_largest_units(seconds: int, words: str) -> None:
    assert lasting(seconds) == words


def test_sizes_are_told_in_megabytes_and_gigabytes() -> None:
    assert [size(count) for count in (0, 41_200_000, 3_100_000_000)] == ["0 MB", "41 MB", "3.1 GB"]


def test_a_service_is_told_in_a_line() -> None:
    def told(**changes: Any) -> str:
        return brief(service_document(a_service(**changes), at("10:02:10"))).text

    assert told(says=None) == "feed up: 20 batches per second"
    lost = "its log finds no room: 7 lines lost since 09:15"
    assert told(reason=lost) == f"feed up: {lost}", "trouble comes before what it says of itself"
    assert told(**DOWN | {"reason": None, "enabled": False}) == "feed down: disabled"
    assert told(**DOWN | {"auto_restart": False}) == "feed down: stopped by admin, automatic restart is off"
