"""`tradewarden gaps`: what is over, and what is not."""

from __future__ import annotations

from tradewarden.gaps_command import _lines

OPEN = {"from": "2026-11-23T09:20:00.000+05:30", "seconds": 93.5, "causes": ["network", "auth"]}
OVER = {
    "from": "2026-11-23T09:15:00.000+05:30",
    "to": "2026-11-23T09:15:24.000+05:30",
    "seconds": 24.0,
    "instrumentCount": 5,
    "causes": ["server"],
}


def test_a_gap_that_is_not_over_comes_first() -> None:
    assert list(_lines({"gaps": [OVER], "open": OPEN})) == [
        "Mon 23 Nov 2026 09:20:00, still open       93.5 s  network, auth",
        "Mon 23 Nov 2026 09:15:00 to 09:15:24       24.0 s  5 instruments  server",
    ]


def test_without_any_it_says_so() -> None:
    assert list(_lines({"gaps": [], "open": None})) == ["No gap is on record."]
    assert list(_lines({"gaps": []})) == ["No gap is on record."]  # of an older daemon
