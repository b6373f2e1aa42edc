"""What may stand behind a command."""

from __future__ import annotations

from datetime import datetime

import pytest

from tradewarden.commands.argument import back_to
from tradewarden.orchestrator.clock import IST

NOW = datetime(2026, 11, 23, 16, 10, 30, tzinfo=IST)  # 10:40:30 in UTC


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("09:15", "2026-11-23T09:15:00+05:30"),
        ("10:40Z", "2026-11-23T10:40:00+00:00"),
        ("10:40+05:30", "2026-11-23T10:40:00+05:30"),
        ("23:00", "2026-11-22T23:00:00+05:30"),
        ("10:41Z", "2026-11-22T10:41:00+00:00"),
        ("15m", "15m"),
        ("2026-11-23T09:15", "2026-11-23T09:15"),
        ("yesterday", "yesterday"),
    ],
)
def test_a_time_of_day_is_the_last_such_in_india_or_where_it_says(text: str, moment: str) -> None:
    assert back_to(text, NOW) == moment
