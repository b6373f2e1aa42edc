"""What is worth a look although ticks flow."""

from __future__ import annotations

from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

import pytest

from pictures import NOW, a_feed
from tradewarden.feed.doubt import Doubt
from tradewarden.machines.remarks import LATELY, of_dump, of_feed
from tradewarden.machines.report import DumpReport


def test_a_stream_without_oddities_has_no_remark() -> None:
    assert of_feed(a_feed(), NOW) == ()


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 instrument is silent although data is due"), (12, "12 instruments are silent although data is due")],
)
def test_silent_instruments_are_counted(count: int, text: str) -> None:
    assert of_feed(a_feed(silent=count), NOW) == (text,)


def test_lately_is_five_minutes() -> None:
    assert timedelta(minutes=5) == LATELY


@pytest.mark.parametrize("kind", [doubt.value for doubt in Doubt])
def test_an_impossible_tick_is_told_for_five_minutes_in_words(kind: str) -> None:
    doubted = MappingProxyType({kind: NOW})
    (remark,) = of_feed(a_feed(doubted_at=doubted), NOW + LATELY - timedelta(seconds=1))
    assert remark.startswith("ticks came with a ")
    assert kind not in remark
    assert of_feed(a_feed(doubted_at=doubted), NOW + LATELY) == ()


def test_the_words_for_impossible_ticks_are_these() -> None:
    doubted = dict.fromkeys(("time_past", "price_not_positive", "low_above_high", "time_future"), NOW)
    assert of_feed(a_feed(silent=2, doubted_at=doubted | {"price_far_outside_day": NOW}), NOW) == (
        "2 instruments are silent although data is due",
        "ticks came with a day's low above its high",
        "ticks came with a price far outside the day's",
        "ticks came with a price of zero or less",
        "ticks came with a time in the future: is this machine's clock slow?",
        "ticks came with a time before the last session",
    )


def a_dump(**changes: Any) -> DumpReport:
    usual: dict[str, Any] = {
        "day": date(2026, 1, 5),
        "fetched_at": NOW - timedelta(minutes=30),
        "wanted": date(2026, 1, 5),
        "is_fresh": True,
    }
    return DumpReport(**usual | changes)


def test_a_fresh_dump_has_no_remark() -> None:
    assert of_dump(a_dump(), NOW) == ()


@pytest.mark.parametrize(
    ("age", "text"),
    [
        ({"minutes": 59}, "that of 2026-01-02 is, less than an hour old"),
        ({"hours": 1}, "that of 2026-01-02 is, 1 hour old"),
        ({"hours": 65, "minutes": 59}, "that of 2026-01-02 is, 65 hours old"),
        ({"hours": -1}, "that of 2026-01-02 is, less than an hour old"),  # the clock was set back
    ],
)
def test_a_refused_dump_is_told_with_its_reason_and_the_age_of_the_one_in_force(
    age: dict[str, float], text: str
) -> None:
    dump = a_dump(day=date(2026, 1, 2), fetched_at=NOW - timedelta(**age), trouble="refused: it is empty")
    assert of_dump(dump, NOW) == (f"the dump of 2026-01-05 is not used: refused: it is empty; {text}",)


def test_without_any_dump_nothing_can_be_chosen() -> None:
    for missing in ({"day": None, "fetched_at": None}, {"fetched_at": None}, {"day": None}):
        (remark,) = of_dump(a_dump(**missing, trouble="Kite did not answer"), NOW)
        assert remark.endswith("Kite did not answer; there is none, so nothing can be chosen by rule")


def test_rules_that_cannot_be_used_are_told_beside_it() -> None:
    assert of_dump(a_dump(rules_problem="a rule file is not used: mine.toml: is not TOML"), NOW) == (
        "a rule file is not used: mine.toml: is not TOML; the rules before it stay in force",
    )
    assert len(of_dump(a_dump(rules_problem="a", trouble="b"), NOW)) == 2
