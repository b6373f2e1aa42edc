"""What is said of a service unless the operator says otherwise, and the words that others rely on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tradewarden.machines.service import (
    Again,
    DeskReport,
    Difference,
    HostFigures,
    Kind,
    OnToken,
    Order,
    Output,
    Place,
    Ready,
    Restarts,
    Selection,
    Service,
    ServiceReport,
    ServiceState,
    Tier,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


def report(tier: Tier = Tier.IMPORTANT, state: ServiceState = ServiceState.UP) -> ServiceReport:
    return ServiceReport(
        name="feed",
        description="",
        kind=Kind.PROGRAM,
        tier=tier,
        phase=1,
        enabled=True,
        auto_restart=True,
        state=state,
        reason=None,
        since=NOW,
    )


def test_the_words_are_the_agreed_ones() -> None:
    assert [each.value for each in Tier] == ["critical", "important", "optional", "utility"]
    assert [each.value for each in Kind] == ["program", "step", "containers", "job"]
    assert [each.value for each in Again] == ["always", "failure", "never"]
    assert [each.value for each in OnToken] == ["nothing", "signal", "restart"]
    assert [each.value for each in Place] == ["secret", "file", "env"]
    states = ["down", "waiting", "starting", "up", "stopping", "backing_off", "paused", "done", "failed"]
    assert [each.value for each in ServiceState] == states


def test_a_service_needs_a_name_and_a_command_only() -> None:
    service = Service(name="feed", command=("feed", "--live"))
    assert (service.description, service.enabled, service.kind) == ("", True, Kind.PROGRAM)
    assert (service.tier, service.directory, dict(service.environment)) == (Tier.IMPORTANT, "", {})
    assert (service.user, service.needs, service.conditions, service.ports) == (None, (), (), ())
    assert (service.ready, service.restarts, service.output) == (Ready(), Restarts(), Output())
    assert (service.stop_signal, service.stop_seconds) == ("TERM", 10.0)
    assert (service.on_token, service.token_signal) == (OnToken.NOTHING, "HUP")


def test_the_usual_patience_is_the_agreed_one() -> None:
    assert (Ready().kind, Ready().target, Ready().at_least, Ready().within) == ("process", "", 0.0, 30.0)
    restarts = Restarts()
    assert (restarts.when, restarts.attempts, restarts.window) == (Again.ALWAYS, 5, 60.0)
    assert (restarts.base, restarts.cap, restarts.min_uptime) == (0.5, 60.0, 1.0)
    assert (Output().bytes, Output().files, Output().compress) == (10_000_000, 5, False)


@pytest.mark.parametrize("state", ServiceState)
def test_who_should_run_and_does_not_is_down(state: ServiceState) -> None:
    assert report(state=state).is_down == (state.value in ("backing_off", "paused", "failed"))


def test_a_report_that_says_nothing_says_nought() -> None:
    found = report()
    assert (found.restarts, found.errors_last_hour, dict(found.figures)) == (0, 0, {})
    assert (found.lost_lines, found.loses_lines) == (0, False)
    assert (found.pid, found.started_at, found.exit_code, found.next_start_at) == (None, None, None, None)
    assert (found.needs, found.conditions, found.says, found.reach) == ((), (), None, None)
    assert (found.memory_bytes, found.cpu_percent) == (None, None)


def test_only_a_critical_service_that_is_down_is_everybodys_business() -> None:
    failed = report(Tier.CRITICAL, ServiceState.FAILED)
    others = (report(Tier.CRITICAL), report(Tier.IMPORTANT, ServiceState.FAILED))
    desk = DeskReport(state="degraded", reason=None, since=NOW, services=(others[0], failed, others[1]))
    assert desk.critical_down == (failed,)
    assert (desk.troubled, desk.running) == ((failed, others[1]), 1)
    assert desk.is_failing
    assert not DeskReport(state="degraded", reason=None, since=NOW, services=others).is_failing
    assert DeskReport(state="aborted", reason="x", since=NOW).is_failing
    assert (desk.phase, desk.phases, desk.host, desk.keepers_reachable) == (None, (), None, True)
    assert DeskReport(state="stopped", reason=None, since=NOW).services == ()


@pytest.mark.parametrize("trouble", ["loses_lines", "is_halted", "keeper_is_silent"])
def test_somebody_should_look_at_one_that_is_impaired_though_it_is_up(trouble: str) -> None:
    well = report()
    assert (well.is_impaired, getattr(well, trouble)) == (False, False)
    impaired = replace(report(Tier.CRITICAL), **{trouble: True})  # type: ignore[arg-type]  # a flag, whichever it is
    desk = DeskReport(state="running", reason=None, since=NOW, services=(well, impaired))
    assert (desk.troubled, desk.critical_down, desk.running) == ((impaired,), (), 2)


def test_what_is_not_said_of_a_machine_a_selection_or_an_order_is_nothing() -> None:
    assert HostFigures(cpu_percent=1, memory_used=2, memory_total=3).disk_free is None
    chosen = Selection()
    assert (chosen.names, chosen.everything, chosen.tiers, chosen.without) == ((), False, (), ())
    order = Order(verb="start")
    assert (order.accepted, dict(order.left), order.text) == ((), {}, "")


def test_a_file_that_says_what_the_desk_does_makes_no_difference() -> None:
    assert Difference().is_empty
    assert Difference().problems == ()
    assert Difference(problems=("x",)).is_empty
    for found in (
        Difference(added=("a",)),
        Difference(removed=("a",)),
        Difference(restarted={"a": ("command",)}),
        Difference(kept={"a": ("description",)}),
    ):
        assert not found.is_empty
