"""What is to be done for a run of a job: each kind of it, and no other."""

from __future__ import annotations

from typing import get_args

from tradewarden.machines.job_deed import Began, Deed, Fence, Keep, Over, Stop, Waits


def test_there_are_six_things_to_do() -> None:
    assert get_args(Deed) == (Keep, Fence, Stop, Began, Waits, Over)
