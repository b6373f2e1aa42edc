"""What a desk allows of schedules, unless it says otherwise."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import time

import pytest

from tradewarden.machines.schedule_limits import Limits


def test_a_desk_that_says_nothing_allows_every_time() -> None:
    limits = Limits()
    assert limits == Limits(earliest=time(0, 0), latest=time(23, 59, 59, 999999), minute=None)


def test_limits_are_named_and_stay_as_they_are() -> None:
    limits = Limits(earliest=time(9), latest=time(16), minute=5)
    assert (limits.earliest, limits.latest, limits.minute) == (time(9), time(16), 5)
    with pytest.raises(TypeError):
        Limits(time(9))  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        limits.minute = 6  # type: ignore[misc]
