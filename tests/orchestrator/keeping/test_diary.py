"""What a keeper says of its service: what is only told so far holds nobody up, and the newest of it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tradewarden.orchestrator.keeping.clocks import Clocks
from tradewarden.orchestrator.keeping.diary import Diary
from tradewarden.orchestrator.keeping.output import Lost
from tradewarden.orchestrator.keeping.status import StatusLog


def words(path: Path) -> list[tuple[str, Any, Any]]:
    told = [json.loads(line) for line in path.read_text().splitlines()]
    return [(each["ev"], each.get("lines"), each.get("lasting")) for each in told]


def test_what_is_lost_so_far_waits_for_a_disk_without_holding_anybody_up(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.status"
    diary = Diary(StatusLog(str(path), str(tmp_path / "wake"), "x"), Clocks)
    lost = Lost(1.0)
    lost.lines = 1
    diary.renew(lost)
    assert not diary.is_behind, "a start is not refused for it, and a keeper may leave"
    lost.lines = 5
    path.parent.mkdir()
    diary.renew(None)
    diary.renew(None)
    assert words(path) == [("lost", 5, True)], "once, and the newest"


def test_what_was_lost_at_last_is_told_in_place_of_what_was_so_far(tmp_path: Path) -> None:
    path = tmp_path / "run" / "x.status"
    diary = Diary(StatusLog(str(path), str(tmp_path / "wake"), "x"), Clocks)
    lost = Lost(1.0)
    lost.lines = 7
    diary.renew(lost)
    lost.lasting = False
    diary.renew(lost)
    assert diary.is_behind, "this is the last word about it, and must be known"
    path.parent.mkdir()
    diary.renew(None)
    assert words(path) == [("lost", 7, None)]
