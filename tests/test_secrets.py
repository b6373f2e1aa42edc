"""No secret in anything that the daemon prints or serves."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

import tradewarden


@pytest.mark.timeout(150)
async def test_no_canary_is_in_any_log_line_health_body_metric_page_error_or_repr(tmp_path: Path) -> None:
    support = Path(__file__).parent / "support"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(support / "canary_desk.py"),
        str(tmp_path),
        env=os.environ | {"PYTHONPATH": f"{support}:{Path(tradewarden.__file__).parents[1]}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(140):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    said = (out + err).decode()
    canaries = (tmp_path / "canaries").read_text().splitlines()
    assert len(canaries) >= 16
    for expected in (
        "feed.dial",
        "feed.lost",
        "auth.verdict",
        "auth.reported_dead",
        "alert.not_delivered",
        "auth.login_failed",
        "auth.family",
        "health.headline",
        "test.error",
        "tradewarden_feed_state",
    ):
        assert expected in said, expected  # it did live through all that
    leaked = [
        (canary, said[max(0, said.index(canary) - 150) : said.index(canary) + 40])
        for canary in canaries
        if canary in said
    ]
    assert leaked == []
