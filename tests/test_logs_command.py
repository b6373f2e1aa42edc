"""What services say, on a terminal and on paper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logged import append, stamped, write_log
from programs import serving_programs
from terminals import glass, paper
from tradewarden import logs_away, logs_command
from tradewarden.control import Control
from tradewarden.http import log_stream
from tradewarden.logs_away import LogsAway
from tradewarden.logs_command import Logs, Question


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_log(tmp_path / "logs", "feed", [stamped("feed", "ERROR no ticks"), stamped("feed", "well", 2)])
    write_log(tmp_path / "logs", "writer", [stamped("writer", "50 rows", 1)])
    return tmp_path / "logs"


async def told(directory: Path, question: Question, **how: Any) -> tuple[int, list[str], list[str]]:
    screen, out = how.pop("on", None) or paper()
    said: list[str] = []
    async with serving_programs(directory):
        code = await Logs(Control(socket=directory / "control"), screen, said.append, **how).tail(question)
    return code, out.getvalue().splitlines(), said


@pytest.mark.usefixtures("logs")
async def test_all_services_are_told_together_as_their_keepers_wrote_them(tmp_path: Path) -> None:
    assert await told(tmp_path, Question()) == (
        0,
        [
            "2026-11-23T03:45:00.000000Z feed ERROR no ticks",
            "2026-11-23T03:45:01.000000Z writer 50 rows",
            "2026-11-23T03:45:02.000000Z feed well",
        ],
        [],
    )


@pytest.mark.usefixtures("logs")
async def test_lines_are_chosen_and_told_as_json(tmp_path: Path) -> None:
    async def texts(**question: Any) -> list[str]:
        _, lines, _ = await told(tmp_path, Question(**question), as_json=True)
        return [json.loads(line)["text"] for line in lines]

    assert await texts(names=["writer"]) == ["50 rows"]
    assert await texts(names=["writer", "feed"], lines=2) == ["50 rows", "well"]
    assert await texts(grep="ROWS") == ["50 rows"]
    assert await texts(level="error") == ["ERROR no ticks"]
    assert await texts(since="2026-11-23T09:15:02") == ["well"]


@pytest.mark.usefixtures("logs")
async def test_a_person_reads_the_time_of_india_and_colours(tmp_path: Path) -> None:
    screen, out = glass()
    await told(tmp_path, Question(), on=(screen, out))
    assert out.shown() == [
        "09:15:00.000 feed ERROR no ticks",
        "09:15:01.000 writer 50 rows",
        "09:15:02.000 feed   well",
    ]
    assert "\x1b[31mERROR no ticks\x1b[0m" in out.getvalue()


async def test_a_question_that_makes_no_sense_and_a_daemon_that_is_not_there(tmp_path: Path, logs: Path) -> None:
    code, lines, said = await told(tmp_path, Question(names=["fed"]))
    assert (code, lines) == (1, [])
    assert "known are feed, writer, viewer" in said[0]
    code, lines, said = await told(tmp_path, Question(since="yesterday"))
    assert "15m" in said[0]
    (logs / "feed.log.1.gz").write_bytes(b"no gzip")
    code, lines, said = await told(tmp_path, Question(names=["feed"]))
    assert (code, len(lines)) == (0, 2)
    assert "feed.log.1.gz cannot be read" in said[0]
    for deed in ("tail", "follow"):
        nobody = Logs(Control(socket=tmp_path / "none"), paper()[0], said.append)
        assert await getattr(nobody, deed)(Question()) == 69
        assert "is it running?" in said[-1]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is written on a terminal is no event
            await asyncio.sleep(0.005)


async def test_following_goes_on_over_a_restart_of_the_daemon_and_loses_no_line(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "LOOK", 0.01)
    monkeypatch.setattr(logs_command, "AGAIN", 0.02)
    (screen, out), said = paper(), list[str]()

    def has(text: str) -> Callable[[], bool]:
        return lambda: text in out.getvalue()

    async with serving_programs(tmp_path):
        work = Logs(Control(socket=tmp_path / "control"), screen, said.append).follow(Question(lines=1))
        following = asyncio.create_task(work)
        await until(has("feed well"))
        append(logs, "writer", stamped("writer", "51 rows", 3))
        await until(has("writer 51 rows"))
    append(logs, "writer", stamped("writer", "52 rows", 4))
    async with serving_programs(tmp_path):
        append(logs, "writer", stamped("writer", "53 rows", 5))
        await until(has("writer 53 rows"))
        following.cancel()
        await asyncio.wait({following})
    assert [line.split(" ", 1)[1] for line in out.getvalue().splitlines()] == [
        "feed well",
        "writer 51 rows",
        "writer 52 rows",
        "writer 53 rows",
    ]
    assert said == ["the daemon is away; what it keeps runs on, and the lines follow once it is back."]


async def from_files(directory: Path, question: Question) -> tuple[int, list[str], list[str]]:
    (screen, out), said = paper(), list[str]()
    nobody = Control(socket=directory / "none")
    code = await Logs(nobody, screen, said.append, away=lambda: LogsAway(directory / "logs")).tail(question)
    return code, out.getvalue().splitlines(), said


async def test_without_a_daemon_the_files_are_read(tmp_path: Path, logs: Path) -> None:
    append(logs, "writer", stamped("writer", "password=canary123", 3))
    code, lines, said = await from_files(tmp_path, Question(lines=2))
    assert (code, [line.split(" ", 1)[1] for line in lines]) == (0, ["feed well", "writer password=[redacted]"])
    assert said == ["no daemon answers: these lines are from the files."]
    (logs / "feed.log.1.gz").write_bytes(b"no gzip")
    question = Question(names=["feed"], grep="NO", level="error", since="2026-11-23T09:15:00")
    code, lines, said = await from_files(tmp_path, question)
    assert (code, len(lines)) == (0, 1)
    assert "feed.log.1.gz cannot be read" in said[1]
    code, _, said = await from_files(tmp_path, Question(names=["fed"]))
    assert (code, said) == (1, ["no service called 'fed' has a log; there are feed, writer."])
    code, _, said = await from_files(tmp_path, Question(since="yesterday"))
    assert (code, "15m" in said[-1]) == (1, True)


async def test_without_a_daemon_the_files_are_followed(
    tmp_path: Path, logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs_away, "LOOK", 0.01)
    (screen, out), said = paper(), list[str]()
    nobody = Logs(Control(socket=tmp_path / "none"), screen, said.append, away=lambda: LogsAway(logs))
    following = asyncio.create_task(nobody.follow(Question(lines=1)))
    await until(lambda: "feed well" in out.getvalue())
    append(logs, "writer", stamped("writer", "51 rows", 3))
    await until(lambda: "writer 51 rows" in out.getvalue())
    following.cancel()
    await asyncio.wait({following})
    assert len(out.getvalue().splitlines()) == 2
