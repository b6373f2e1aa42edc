"""How bad the desk's programs do, beside everything else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tradewarden.machines.headline import Situation, View, services_severity
from tradewarden.machines.report import Severity
from tradewarden.machines.service import DeskReport, Kind, ServiceReport, ServiceState, Tier

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
WANTED = View.of(Situation(auth="valid", feed="streaming", expected="dense", wanted=True, market="live"))
UNWANTED = View.of(Situation(auth="valid", feed="halted", expected="none", wanted=False, market="closed"))


def desk(
    tier: Tier,
    service_state: ServiceState,
    *,
    state: str = "running",
    reachable: bool = True,
    loses_lines: bool = False,
) -> DeskReport:
    service = ServiceReport(
        name="feed",
        description="",
        kind=Kind.PROGRAM,
        tier=tier,
        phase=1,
        enabled=True,
        auto_restart=True,
        state=service_state,
        reason=None,
        since=NOW,
        loses_lines=loses_lines,
    )
    return DeskReport(state=state, reason=None, since=NOW, services=(service,), keepers_reachable=reachable)


@pytest.mark.parametrize(
    ("found", "wanted", "unwanted"),
    [
        (desk(Tier.CRITICAL, ServiceState.UP), Severity.OK, Severity.OK),
        (desk(Tier.CRITICAL, ServiceState.WAITING), Severity.OK, Severity.OK),
        (desk(Tier.CRITICAL, ServiceState.FAILED), Severity.CRITICAL, Severity.WARNING),
        (desk(Tier.OPTIONAL, ServiceState.FAILED), Severity.WARNING, Severity.WARNING),
        (desk(Tier.OPTIONAL, ServiceState.FAILED, reachable=False), Severity.WARNING, Severity.WARNING),
        (desk(Tier.OPTIONAL, ServiceState.UP, reachable=False), Severity.WARNING, Severity.WARNING),
        (desk(Tier.OPTIONAL, ServiceState.DOWN, state="aborted"), Severity.CRITICAL, Severity.WARNING),
        (desk(Tier.CRITICAL, ServiceState.UP, loses_lines=True), Severity.WARNING, Severity.WARNING),
    ],
)
def test_something_critical_that_is_down_fails_while_the_feed_is_wanted_and_the_rest_warns(
    found: DeskReport, wanted: Severity, unwanted: Severity
) -> None:
    assert (services_severity(WANTED, found), services_severity(UNWANTED, found)) == (wanted, unwanted)
