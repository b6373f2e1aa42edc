"""A job as the operator describes it, its instances, and what a changed file changes of the jobs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tradewarden.machines.job import TIMEOUT, Does, Job, Trader, kept_as, parted, with_jobs
from tradewarden.machines.run import Misfire
from tradewarden.machines.service import Difference, Service

FEED = Service(name="feed", command=("feed",))
BUY, SELL = Job(name="buy", command=("buy",)), Job(name="sell", command=("sell",))


@pytest.mark.parametrize(
    ("does", "is_repaired"), [(Does.ORDERS, False), (Does.WORK, False), (Does.MONITOR, True), (Does.FEED, True)]
)
def test_only_a_monitor_or_a_feed_is_begun_again(does: Does, is_repaired: bool) -> None:  # noqa: FBT001 - a fact
    assert does.is_repaired is is_repaired


def test_what_a_job_does_is_said_in_these_words() -> None:
    assert [str(each) for each in Does] == ["orders", "monitor", "feed", "work"]


def test_a_job_places_orders_and_runs_late_unless_it_says_otherwise() -> None:
    assert (BUY.does, BUY.misfire, BUY.per_user, BUY.timeout) == (Does.ORDERS, Misfire.RUN, False, None)
    assert (BUY.edits, BUY.schedules, TIMEOUT) == ("now", (), 300.0)
    assert Trader(name="asha") == Trader(name="asha", account="", environment={})


def test_a_traders_instance_has_the_traders_name() -> None:
    assert (kept_as("buy", ""), kept_as("buy", "asha")) == ("buy", "buy@asha")


def test_a_file_has_programs_and_jobs() -> None:
    assert parted([FEED, BUY, SELL]) == ((FEED,), (BUY, SELL))


def test_a_changed_file_adds_takes_away_and_keeps() -> None:
    found = Difference(added=("a",), removed=("r",), kept={"k": ("tier",)}, restarted={"x": ("command",)})
    changed = replace(SELL, timeout=9, command=("other",))
    assert with_jobs(found, [BUY, SELL], [changed, replace(BUY, name="hold")]) == Difference(
        added=("a", "hold"),
        removed=("r", "buy"),
        kept={"k": ("tier",), "sell": ("command", "timeout")},
        restarted={"x": ("command",)},
    )
    assert with_jobs(Difference(), [BUY], [BUY]).is_empty
