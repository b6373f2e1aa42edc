"""What a keeper's words mean when it leaves something out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

from tradewarden.machines.kept import Exited, Happening, Kept, OutputLost, Started, StartFailed

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def test_an_end_that_says_no_more_left_and_lost_nothing_and_nothing_follows() -> None:
    ended = Exited(at=NOW, keeper=1, pid=2, code=0, up=1.0, asked=False)
    assert (ended.peak_memory, ended.dropped_lines, ended.left) == (0, 0, 0)
    assert (ended.fenced, ended.again_at) == (False, None)


def test_a_start_that_names_no_protocol_speaks_the_first() -> None:
    assert Started(at=NOW, keeper=1, pid=2, ticks=3, revision="", boot="", life=1).protocol == 1


def test_a_start_that_failed_of_no_definition_names_none() -> None:
    assert StartFailed(at=NOW, keeper=1, errno=2, text="x", again_at=None).revision == ""


def test_lines_are_lost_for_good_unless_more_may_be() -> None:
    assert not OutputLost(at=NOW, keeper=1, since=NOW, lines=2, bytes=3).lasting


def test_every_happening_has_a_moment_and_a_keeper() -> None:
    assert all(issubclass(each, Kept) for each in get_args(Happening))
    assert len(get_args(Happening)) == 8
