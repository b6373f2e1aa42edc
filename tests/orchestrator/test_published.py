"""Small files that others write: read when they are good and fresh, passed over when they are not."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.orchestrator import published
from tradewarden.orchestrator.keeping.figures import Figures as Written

NOW = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def test_figures_are_what_the_service_and_all_it_started_use(tmp_path: Path) -> None:
    written = Written(str(tmp_path / "x.figures"))
    written.tell(os.getpid(), [os.getpid()], 10.0, NOW.timestamp() - 2)
    written.tell(os.getpid(), [os.getpid()], 12.0, NOW.timestamp())
    found = published.figures(tmp_path / "x.figures", NOW)
    assert found is not None
    assert (found.pid, found.processes, found.at) == (os.getpid(), 1, NOW)
    assert found.memory_bytes > 1_000_000
    assert found.cpu_seconds > 0
    assert 0 <= found.cpu_percent < 100


def test_figures_of_a_service_that_is_down_or_whose_keeper_is_silent_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.figures"
    written = Written(str(path))
    written.tell(7, [], 1.0, NOW.timestamp())
    assert published.figures(path, NOW) is not None
    assert published.figures(path, NOW + timedelta(seconds=11)) is None
    written.tell(None, [], 2.0, NOW.timestamp())
    assert published.figures(path, NOW) is None


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[]", b'{"t": "x"}', b'{"t": 1e300, "pid": 1}', b"\xff" * 5000])
def test_spoilt_figures_are_none(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "x").write_bytes(spoilt)
    assert published.figures(tmp_path / "x", NOW) is None
    assert published.host(tmp_path / "x", tmp_path, NOW) is None


def test_the_machines_figures_come_with_the_room_on_the_disk_of_the_logs(tmp_path: Path) -> None:
    told = {"t": NOW.timestamp(), "percent": 12.5, "used": 10, "total": 20}
    (tmp_path / "host.figures").write_text(json.dumps(told))
    found = published.host(tmp_path / "host.figures", tmp_path, NOW)
    assert found is not None
    assert (found.cpu_percent, found.memory_used, found.memory_total) == (12.5, 10, 20)
    assert found.disk_free is not None
    assert published.host(tmp_path / "host.figures", tmp_path, NOW + timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    ("written", "text", "figures"),
    [
        ("50 quotes a batch\n", "50 quotes a batch", {}),
        ("first line\nsecond\n", "first line", {}),
        ('{"text": "ok", "figures": {"rows": 20, "half": 0.5}}', "ok", {"rows": 20.0, "half": 0.5}),
        ('{"figures": {"rows": 20, "no": "x", "yes": true}}', None, {"rows": 20.0}),
        ('{"text": 5, "figures": [1]}', None, {}),
        ("{not json", "{not json", {}),
        ("\x1b[31mred\x1b[0m", "[31mred [0m", {}),
        ("x" * 5000, "x" * 300, {}),
    ],
)
def test_a_services_own_word_is_a_line_or_an_object(
    tmp_path: Path, written: str, text: str | None, figures: dict[str, float]
) -> None:
    (tmp_path / "x.says").write_text(written)
    found = published.says(tmp_path / "x.says")
    assert found is not None
    assert (found.text, dict(found.figures)) == (text, figures)


def test_a_service_that_has_said_nothing_or_that_leads_elsewhere_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "secret").write_text("password")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "fifo")
    for name in ("absent", "empty", "link", "fifo"):
        assert published.says(tmp_path / name) is None
