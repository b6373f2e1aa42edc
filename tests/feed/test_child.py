import asyncio
import os
import sys
from pathlib import Path

import pytest

from tradewarden.feed.child import ChildError, Ended, ask


def module(place: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    (place / "a_child.py").write_text(text)
    monkeypatch.syspath_prepend(place)
    return "a_child"


async def test_a_request_goes_in_and_words_complaints_and_status_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import json, sys; print(json.load(sys.stdin)['a'] + 1); print('oh', file=sys.stderr); sys.exit(3)"
    assert await ask(module(tmp_path, text, monkeypatch), {"a": 1}, 20) == Ended(3, b"2\n", b"oh\n")


async def test_secrets_of_our_environment_are_none_of_its_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE__API_SECRET", "most secret")
    ended = await ask(module(tmp_path, "import os; print(sorted(os.environ))", monkeypatch), {}, 20)
    assert b"PYTHONPATH" in ended.said
    assert b"TRADEWARDEN" not in ended.said


@pytest.mark.parametrize("cancelled", [False, True])
async def test_one_that_takes_too_long_or_that_nobody_waits_for_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, cancelled: bool
) -> None:
    text = (
        f"import os, sys, time; sys.stdin.read(); open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)"
    )
    task = asyncio.ensure_future(ask(module(tmp_path, text, monkeypatch), {}, 60 if cancelled else 3))
    async with asyncio.timeout(20):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():  # noqa: ASYNC110 - a file has no bell
            await asyncio.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())
    if cancelled:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        with pytest.raises(ChildError, match="did not end within 3 s") as caught:
            await task
        assert caught.value.is_late
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_one_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(ChildError, match="/no/such/python could not be started: No such file") as caught:
        await ask("json.tool", {}, 5)
    assert not caught.value.is_late
