"""Docker is asked for its compose and for its daemon: missing, broken, stuck and good are told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.orchestrator.checks.check import Verdict
from tradewarden.orchestrator.checks.docker import DockerCheck

GOOD = 'case "$1" in compose) echo "Docker Compose version v2.27.0" ;; *) echo 26.1.3 ;; esac'
NO_COMPOSE = 'case "$1" in compose) echo "docker: compose is not a docker command." >&2; exit 1 ;; esac'
NO_DAEMON = (
    'case "$1" in compose) echo v2 ;; *) echo "Cannot connect to the Docker daemon at unix:///x" >&2; exit 1 ;; esac'
)


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        (GOOD, Verdict(good=True, text="docker 26.1.3 answers (Docker Compose version v2.27.0)")),
        (
            NO_COMPOSE,
            Verdict(
                good=False,
                text="`docker compose version` fails (docker: compose is not a docker command): "
                "install docker's compose plugin",
            ),
        ),
        (
            NO_DAEMON,
            Verdict(
                good=False,
                text="`docker version` fails (Cannot connect to the Docker daemon at unix:///x): "
                "start the docker daemon, and let this user use it",
            ),
        ),
    ],
    ids=["good", "no compose", "no daemon"],
)
async def test_what_docker_answers_is_told(
    script: str, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, script)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert await DockerCheck().ask() == verdict


async def test_a_docker_that_is_stuck_is_not_waited_for(tmp_path: Path) -> None:
    verdict = await DockerCheck(str(put(tmp_path, "exec sleep 60")), patience=0.1).ask()
    assert not verdict.good
    assert "compose version` gave no answer within 0.1 s" in verdict.text


async def test_a_machine_without_docker_is_told_what_to_install(tmp_path: Path) -> None:
    verdict = await DockerCheck(str(tmp_path / "docker")).ask()
    assert not verdict.good
    assert "cannot be run (No such file or directory): install docker and its compose plugin" in verdict.text


def put(folder: Path, script: str) -> Path:
    """A docker that does this."""
    path = folder / "docker"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path
