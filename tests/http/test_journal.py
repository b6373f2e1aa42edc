"""The health answer and the figures say whether ticks are recorded, and what was lost."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import ClientSession
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pictures import ADMIN, all_well, at, serving, weekend
from tradewarden.machines.report import JournalReport, Picture

HEALTH = "/api/system/health"
FAILED = {"journal_failed": True}


def a_journal(**changes: Any) -> JournalReport:
    usual: dict[str, Any] = {"state": "recording", "reason": None, "since": at("09:00:00")}
    return JournalReport(**usual | changes)


def failed(**changes: Any) -> JournalReport:
    return a_journal(state="failed", reason="/canary/journal: No space left on device", lost_total=600, **changes)


@pytest.mark.parametrize(
    ("picture", "status", "output"),
    [
        (all_well(journal=a_journal(records_total=9)), "pass", None),
        (all_well(journal=failed(), situation=FAILED), "fail", "600 ticks were not recorded."),
        (weekend(journal=failed(), situation=FAILED), "warn", "600 ticks were not recorded."),
        (all_well(journal=a_journal(state="slow", reason="the disk")), "warn", None),
        (
            all_well(journal=a_journal(too_much=True)),
            "warn",
            "It is larger than journal.keep_gb, and nothing in it may go.",
        ),
        (all_well(journal=a_journal(unread_total=2)), "pass", "2 files went before every store had read them."),
    ],
)
async def test_health_says_how_the_journal_does(
    session: ClientSession, picture: Picture, status: str, output: str | None
) -> None:
    async with serving(picture) as desk, session.get(f"{desk.url}{HEALTH}") as answer:
        body = await answer.json(content_type=None)
    [check] = body["checks"]["journal:write"]
    assert check["status"] == status
    assert check.get("output") == output
    assert check["observedValue"] == picture.journal.state if picture.journal else None
    assert "canary" not in str(body)


async def test_a_journal_that_cannot_write_fails_the_answer_while_ticks_are_due(session: ClientSession) -> None:
    async with serving(all_well(journal=failed(), situation=FAILED)) as desk:
        async with session.get(f"{desk.url}{HEALTH}") as answer:
            assert answer.status == 503
            assert (await answer.json(content_type=None))["headline"]["code"] == "journal.failed"
        async with session.get(f"{desk.url}{HEALTH}", headers={"Authorization": f"Bearer {ADMIN}"}) as answer:
            [check] = (await answer.json(content_type=None))["checks"]["journal:write"]
    assert check["output"].startswith("/canary/journal: No space left on device; 600 ticks")


async def test_a_desk_that_records_nothing_says_nothing_of_a_journal(session: ClientSession) -> None:
    async with serving(all_well()) as desk:
        async with session.get(f"{desk.url}{HEALTH}") as answer:
            assert "journal:write" not in (await answer.json(content_type=None))["checks"]
        async with session.get(f"{desk.url}/metrics") as answer:
            assert "tradewarden_journal" not in await answer.text()


async def test_the_figures_count_what_was_written_and_what_was_lost(session: ClientSession) -> None:
    journal = failed(
        last_seq=12, records_total=10, bytes_total=2600, sync_failures_total=1, segments=3, kept_bytes=5, unread_total=2
    )
    async with serving(all_well(journal=journal)) as desk, session.get(f"{desk.url}/metrics") as answer:
        families = text_string_to_metric_families(await answer.text())  # type: ignore[no-untyped-call]  # no types
        told = {
            sample.name.removeprefix("tradewarden_journal_"): sample.value
            for family in families
            for sample in family.samples
            if family.name.startswith("tradewarden_journal") and family.type != "stateset"
        }
    assert told == {
        "records_total": 10,
        "written_bytes_total": 2600,
        "lost_ticks_total": 600,
        "sync_failures_total": 1,
        "unread_segments_total": 2,
        "segments": 3,
        "bytes": 5,
        "last_seq": 12,
    }
