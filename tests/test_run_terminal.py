"""A person starts the daemon at a terminal: plain lines, and once all is started where it can be reached."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from live_desk import live_desk
from pictures import at
from programs import DOWN, Programs, a_desk, a_service
from terminals import paper
from tradewarden.machines.service import ServiceState
from tradewarden.run_terminal import tell_start


def test_once_the_start_is_over_it_is_told_how_the_desk_does_and_where_each_can_be_reached() -> None:
    screen, out = paper()
    programs = Programs(a_desk(a_service(**DOWN), state="starting", phase=1))
    tell_start(programs, lambda: at("10:02:10"), screen)
    programs.change("feed", state=ServiceState.UP, reason=None)
    assert out.getvalue() == "", "the desk still starts"
    for state in ("running", "degraded", "running"):
        programs.show(a_desk(*programs.told.services, state=state))
    assert out.getvalue().splitlines() == ["● The desk is running since 09:00:05", "→ feed  http://127.0.0.1:8050"]


def test_a_desk_that_runs_already_is_told_at_once_and_one_without_programs_never() -> None:
    screen, out = paper()
    tell_start(programs := Programs(a_desk()), lambda: at("10:02:10"), screen)
    programs.show(a_desk(a_service()))
    assert out.getvalue() == ""
    tell_start(Programs(a_desk(a_service())), lambda: at("10:02:10"), screen)
    assert out.getvalue().splitlines()[1:] == ["→ feed  http://127.0.0.1:8050"]


def test_the_daemon_speaks_plainly_to_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with live_desk(tmp_path, '[services.feed]\ncommand = "sleep 1000"\nports = [18050]\nready.process = 0') as desk:
        screen, terminal = os.openpty()
        told = ""
        try:
            desk.begin(says_to=terminal)
            while "→ feed  127.0.0.1:18050" not in told:
                told += os.read(screen, 65536).decode()
        finally:
            os.close(screen)
            os.close(terminal)
        assert re.search(r"\d\d:\d\d:\d\d  · service\.started +service=feed, pid=\d+, life=1\r\n", told)
        assert "● The desk is running since " in told
        assert "{" not in told, "no JSON"
