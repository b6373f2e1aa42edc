"""What a service's life asks for, in the words that its keeper understands."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from service_scenes import SERVICE
from tradewarden.machines.deed import KILL, BeginAsking, Command, Deed, EndAsking, Fence, Keep, Tell, number, stop


def test_the_lines_are_those_that_a_keeper_understands() -> None:
    service = replace(SERVICE, stop_signal="INT", stop_seconds=2.5)
    assert stop(service) == Command("stop 2 2.5")
    assert KILL == "stop 9 0"
    assert (number("HUP"), number("USR1"), number("TERM")) == (1, 10, 15)


def test_a_life_asks_for_six_kinds_of_deeds() -> None:
    assert get_args(Deed) == (Keep, Fence, Command, BeginAsking, EndAsking, Tell)
