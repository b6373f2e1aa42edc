"""The health answer, the banner and the figures say how the desk's programs do, and names only to an admin."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pictures import ADMIN, all_well, at, serving, weekend
from tradewarden.http.banner import banner
from tradewarden.http.metrics import render
from tradewarden.http.service_metrics import of_services
from tradewarden.machines.report import Picture
from tradewarden.machines.service import DeskReport, HostFigures, Kind, ServiceReport, ServiceState, Tier

HEALTH = "/api/system/health"
DOWN = {"service_down": True}


def a_service(name: str, state: ServiceState = ServiceState.UP, **changes: Any) -> ServiceReport:
    usual: dict[str, Any] = {
        "description": "",
        "kind": Kind.PROGRAM,
        "tier": Tier.CRITICAL,
        "phase": 1,
        "enabled": True,
        "auto_restart": True,
        "reason": None,
        "since": at("09:00:00"),
    }
    return ServiceReport(name=name, state=state, **usual | changes)


def a_desk(*services: ServiceReport, **changes: Any) -> DeskReport:
    usual: dict[str, Any] = {"state": "running", "reason": None, "since": at("09:00:00"), "services": services}
    return DeskReport(**usual | changes)


PAUSED = a_service("canary-feed", ServiceState.PAUSED, reason="exit code 3")
CHART = a_service("canary-chart", ServiceState.FAILED, reason="exit code 1", tier=Tier.OPTIONAL)
FULL = "its log finds no room: 7 lines lost since 09:15"
MUTE = a_service("canary-chat", reason=FULL, loses_lines=True, lost_lines=7)
ABORTED = a_desk(a_service("canary-feed", ServiceState.DOWN), state="aborted", reason="canary-feed did not start")


@pytest.mark.parametrize(
    ("picture", "status", "affected", "output"),
    [
        (all_well(desk=a_desk(a_service("canary-feed"))), "pass", [], None),
        (
            all_well(desk=a_desk(PAUSED, CHART), situation=DOWN),
            "fail",
            ["canary-feed", "canary-chart"],
            "Canary-feed is paused: exit code 3; canary-chart is failed: exit code 1.",
        ),
        (
            weekend(desk=a_desk(PAUSED), situation=DOWN),
            "warn",
            ["canary-feed"],
            "Canary-feed is paused: exit code 3.",
        ),
        (
            all_well(desk=a_desk(CHART)),
            "warn",
            ["canary-chart"],
            "Canary-chart is failed: exit code 1.",
        ),
        (
            all_well(desk=a_desk(MUTE)),
            "warn",
            ["canary-chat"],
            "Canary-chat is up: its log finds no room: 7 lines lost since 09:15.",
        ),
        (all_well(desk=ABORTED, situation=DOWN), "fail", [], "Canary-feed did not start."),
        (all_well(desk=a_desk(a_service("canary-feed"), keepers_reachable=False)), "warn", [], None),
    ],
)
async def test_health_says_how_many_run_and_to_an_admin_which_do_not(
    session: ClientSession, picture: Picture, status: str, affected: list[str], output: str | None
) -> None:
    async with serving(picture) as desk:
        async with session.get(f"{desk.url}{HEALTH}") as answer:
            text, anybody = await answer.text(), await answer.json(content_type=None)
            assert answer.status == (503 if status == "fail" else 200)
        async with session.get(f"{desk.url}{HEALTH}", headers={"Authorization": f"Bearer {ADMIN}"}) as answer:
            admin = await answer.json(content_type=None)
    assert "canary" not in text, "names and errors are not for everybody"
    [check] = admin["checks"]["services:supervised"]
    assert (check["status"], check["affected"], check.get("output")) == (status, affected, output)
    assert anybody["checks"]["services:supervised"][0]["status"] == status
    assert check["observedValue"] == (picture.desk.running if picture.desk else None)
    assert check["observedUnit"] == "running"


@pytest.mark.parametrize(
    ("desk", "text"),
    [
        (a_desk(PAUSED), "A critical service is down"),
        (a_desk(PAUSED, a_service("b", ServiceState.FAILED)), "2 critical services are down"),
        (ABORTED, "The start of the desk was aborted"),
    ],
)
def test_the_banner_counts_what_is_down(desk: DeskReport, text: str) -> None:
    words = banner(all_well(desk=desk, situation=DOWN))
    assert (words.text, words.detail) == (text, "`tradewarden services` says which and why.")


async def test_a_desk_without_programs_says_nothing_of_them(session: ClientSession) -> None:
    async with serving(all_well()) as desk, session.get(f"{desk.url}{HEALTH}") as answer:
        assert "services:supervised" not in (await answer.json(content_type=None))["checks"]


def test_the_figures_have_a_state_set_for_each_program_and_the_host() -> None:
    busy = a_service("feed", memory_bytes=5_000_000, cpu_percent=1.5, restarts=2, started_at=at("09:00:00"))
    host = HostFigures(cpu_percent=12.5, memory_used=1, memory_total=2, disk_free=3)
    text = render(of_services(a_desk(busy, a_service("setup", ServiceState.DONE), PAUSED, MUTE, host=host))).decode()
    told = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    assert told["tradewarden_service_state", "done", "setup"] == 1
    assert told["tradewarden_service_state", "canary-feed", "paused"] == 1
    assert told["tradewarden_service_state", "feed", "paused"] == 0
    assert told["tradewarden_service_memory_bytes", "feed"] == 5_000_000
    assert ("tradewarden_service_memory_bytes", "setup") not in told, "what does not run takes nothing"
    assert told["tradewarden_service_restarts", "feed"] == 2
    assert told["tradewarden_service_lost_lines_total", "canary-chat"] == 7
    assert told["tradewarden_service_started_timestamp_seconds", "feed"] == at("09:00:00").timestamp()
    assert told["tradewarden_host_disk_free_bytes",] == 3
    assert told["tradewarden_desk_state", "running"] == 1
