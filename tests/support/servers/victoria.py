"""A real VictoriaMetrics on loopback for a test."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from servers.mariadb import free_port

DEADLINE = 30.0


@contextmanager
def victoria(directory: Path) -> Iterator[str]:
    """Its address; it dies with whoever started it."""
    if shutil.which("victoria-metrics") is None:
        pytest.skip("victoria-metrics is not installed: apt-get install victoria-metrics")
    url = f"http://127.0.0.1:{free_port()}"
    with (directory / "victoria.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "KILL", "victoria-metrics", "-retentionPeriod=12"),
                *(f"-httpListenAddr={url.removeprefix('http://')}", f"-storageDataPath={directory}/victoria"),
                *("-memory.allowedBytes=64MB", "-dedup.minScrapeInterval=1ms"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + DEADLINE
        while not _answers(url):
            assert process.poll() is None, (directory / "victoria.log").read_text()
            assert time.monotonic() < until, f"victoria-metrics did not answer within {DEADLINE} s"
            time.sleep(0.02)
        yield url
    finally:
        process.kill()
        process.wait(DEADLINE)


def _answers(url: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
        return bool(answer.status == 200)
    return False
