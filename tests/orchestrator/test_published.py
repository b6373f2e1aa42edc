"""Small files that others write: read when they are good and fresh, passed over when they are not."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tradewarden.orchestrator import published
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.keeping.figures import Figures as Written
from tradewarden.orchestrator.published import Gauge

NOW = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)


def test_figures_are_what_the_service_and_all_it_started_use(tmp_path: Path) -> None:
    written = Written(str(tmp_path / "x.figures"), lambda: [os.getpid()])
    written.tell(os.getpid(), 10.0, NOW.timestamp() - 2)
    written.tell(os.getpid(), 12.0, NOW.timestamp())
    found = published.figures(tmp_path / "x.figures", NOW)
    assert found is not None
    assert (found.pid, found.processes, found.at) == (os.getpid(), 1, NOW)
    assert found.memory_bytes > 1_000_000
    assert found.cpu_seconds > 0
    assert 0 <= found.cpu_percent < 100


def test_figures_of_a_service_that_is_down_or_whose_keeper_is_silent_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.figures"
    written = Written(str(path), list)
    written.tell(7, 1.0, NOW.timestamp())
    assert published.figures(path, NOW) is not None
    assert published.figures(path, NOW + timedelta(seconds=11)) is None
    written.tell(None, 2.0, NOW.timestamp())
    assert published.figures(path, NOW) is None


GOOD = {"t": NOW.timestamp(), "pid": 7, "percent": 1.0, "cpu": 2.0, "memory": 3, "processes": 1, "used": 1, "total": 2}


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"{",
        b"[]",
        b'{"t": "x"}',
        b'{"t": 1e300, "pid": 1}',
        b'{"t": 1' + b"0" * 400 + b"}",
        b"[" * 4096,
        b"\xff" * 5000,
        *(
            json.dumps({**GOOD, "percent": value}).encode()
            for value in (float("nan"), float("inf"), 10**400, "1", None)
        ),
    ],
)
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


@pytest.mark.parametrize("what", ["pid", "percent", "cpu", "memory", "processes"])
@pytest.mark.parametrize("value", [10**18, 10**400, -1, float("nan"), "7", [7]])
def test_figures_that_no_machine_can_reach_are_none(tmp_path: Path, what: str, value: object) -> None:
    (tmp_path / "x").write_text(json.dumps(GOOD))
    assert published.figures(tmp_path / "x", NOW) is not None
    (tmp_path / "x").write_text(json.dumps({**GOOD, what: value}))
    assert published.figures(tmp_path / "x", NOW) is None


@pytest.mark.parametrize(
    ("written", "text", "figures"),
    [
        ("50 quotes a batch\n", "50 quotes a batch", {}),
        ("first line\nsecond\n", "first line", {}),
        ('{"text": "ok", "figures": {"rows": 20, "half": 0.5}}', "ok", {"rows": 20.0, "half": 0.5}),
        ('{"figures": {"rows": 20, "no": "x", "yes": true}}', None, {"rows": 20.0}),
        ('{"text": 5, "figures": [1]}', None, {}),
        ('{"figures": {"rows": 1%s, "lag": 2}}' % ("0" * 400), None, {"lag": 2.0}),
        ('{"figures": {"rows": 1e16, "less": -1e16, "no": NaN, "most": Infinity, "lag": 2}}', None, {"lag": 2.0}),
        ('{"figures": {"": 1, " ": 2, "%s": 3, "lag": 2}}' % ("x" * 500), None, {"x" * 64: 3.0, "lag": 2.0}),
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


@pytest.mark.parametrize("stamp", [-(2**31), 253_402_300_799, 2**40])
def test_a_word_whose_time_is_nonsense_is_shown_as_old(tmp_path: Path, stamp: int) -> None:
    (tmp_path / "x").write_text("50 quotes a batch")
    os.utime(tmp_path / "x", (stamp, stamp))
    found = published.says(tmp_path / "x")
    assert found is not None
    assert found.text == "50 quotes a batch"
    assert found.at.astimezone(IST).year < 3100


def test_a_gauge_reads_what_is_there_now_however_it_came_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "x.figures"
    with contextlib.closing(Gauge(tmp_path, "x")) as gauge:
        assert gauge.figures(NOW) is None
        written = Written(str(path), lambda: [os.getpid()])
        for age in (4, 2):
            written.tell(7, 10.0 - age, NOW.timestamp() - age)
            assert gauge.figures(NOW) == published.figures(path, NOW)
        written.close()
        path.unlink()
        assert gauge.figures(NOW) is None
        written.tell(8, 10.0, NOW.timestamp())
        found = gauge.figures(NOW)
        assert found is not None
        assert found.pid == 8
        assert gauge.figures(NOW) == found
        assert gauge.figures(NOW + timedelta(seconds=11)) is None


def test_a_gauge_hears_every_new_line_of_a_service(tmp_path: Path) -> None:
    path, gauge = tmp_path / "x.says", Gauge(tmp_path, "x")
    assert gauge.says() is None
    path.touch()
    assert gauge.says() is None
    for text in ("one", "two", "and three"):
        path.write_text(text)
        for _ in range(2):
            said = gauge.says()
            assert said is not None
            assert said.text == text
    path.unlink()
    assert gauge.says() is None
