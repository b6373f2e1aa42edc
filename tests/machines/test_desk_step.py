"""The words for the desk's programs together."""

from __future__ import annotations

from typing import get_args

from tradewarden.machines.desk_step import Begin, DeskState, Halt, Kill, Moved, Standings, Stands, Step


def test_the_words_are_the_agreed_ones() -> None:
    assert [each.value for each in DeskState] == ["stopped", "starting", "running", "degraded", "stopping", "aborted"]


def test_there_are_four_kinds_of_steps() -> None:
    assert get_args(Step) == (Begin, Halt, Kill, Moved)


def test_services_stand_by_name() -> None:
    assert get_args(Standings) == (str, Stands)
