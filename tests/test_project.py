import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tradewarden import __version__

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PLACE = re.compile(
    r"://|(?<!no-emit)-(?:index-url|find-links)\b|--trusted-host|@ file"
    r"|(?<![\w./-])/(?:work|opt|home|root|tmp)\b"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def name_of(requirement: str) -> str:
    """The name of a requirement as the index compares it."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def pinned(lock: Path) -> dict[str, str]:
    """Each package of a lock file with everything that stands behind its name."""
    joined = re.sub(r"\\\n", " ", lock.read_text())
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return {name_of(line): line for line in lines}


def test_there_is_one_lock_file_for_each_purpose() -> None:
    assert [lock.name for lock in LOCKS] == [
        "bench.txt",
        "calendars.txt",
        "dev.txt",
        "fuzz.txt",
        "run.txt",
        "stores.txt",
    ]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_to_one_version_with_hashes(lock: Path) -> None:
    for name, line in pinned(lock).items():
        assert re.match(rf"{re.escape(line.split('==')[0])}==[\w.!+]+ ", line), name
        assert HASH.search(line), name
        rest = HASH.sub("", line.partition(" ; ")[0] if " ; " in line else line)
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+\s*", rest), name


@pytest.mark.parametrize(
    "file",
    [*LOCKS, ROOT / "pyproject.toml", ROOT / "Makefile", ROOT / ".ci" / "run", ROOT / ".pre-commit-config.yaml"],
    ids=lambda file: file.name,
)
def test_what_sets_up_names_no_server_no_link_and_no_path_of_a_machine(file: Path) -> None:
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#!")]
    found = [line for line in lines if PLACE.search(line)]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_the_locks_hold_what_the_project_asks_for(lock: Path) -> None:
    asked = list(PROJECT["project"]["dependencies"])
    if lock.stem not in ("run", "stores"):
        asked += PROJECT["dependency-groups"]["dev"]
    if lock.stem in ("bench", "calendars", "fuzz"):
        asked += PROJECT["dependency-groups"][lock.stem]
    assert {name_of(requirement) for requirement in asked} <= pinned(lock).keys()


def test_a_desk_runs_without_what_only_developers_need() -> None:
    """structlog imports rich where it finds it, which costs 7 MB of a memory that is counted."""
    only_developers = {"rich", "pytest", "hypothesis", "playwright", "fastapi", "uvicorn", "pandas", "pytz"}
    assert not only_developers & pinned(ROOT / "requirements" / "run.txt").keys()


def test_developers_test_the_very_versions_that_a_desk_runs() -> None:
    run, dev = (pinned(ROOT / "requirements" / name) for name in ("run.txt", "dev.txt"))
    version = re.compile(r"==([\w.!+]+)")
    for name, line in run.items():
        here, there = version.search(line), version.search(dev[name])
        assert here, name
        assert there, name
        assert here[1] == there[1], name


def test_the_licence_is_mit_and_says_so_twice() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n")
    assert PROJECT["project"]["license"] == "MIT"


def test_the_version_is_a_semantic_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev\d+|[-+][\w.]+)?", __version__)


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"])
def test_what_a_newcomer_looks_for_is_there(name: str) -> None:
    assert (ROOT / name).read_text().strip()


def test_the_changelog_has_a_place_for_the_next_line() -> None:
    assert "\n## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_build_servers_script_can_be_started_and_understood() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script.read_text()
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("failing", ["check", "test"])
def test_the_build_servers_script_fails_when_a_check_or_a_test_does(tmp_path: Path, failing: str) -> None:
    """Run with a make that only writes down what it was asked for, on a machine that lacks nothing."""
    (tmp_path / ".ci").mkdir()
    script = shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("python3", "systemd-analyze", "chromium", "apt-get"):
        (tools / tool).symlink_to("/bin/true")
    (tools / "make").write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/asked\n[ "$1" != {failing} ]\n')
    (tools / "make").chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    done = subprocess.run([script], env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=30)
    assert done.returncode != 0
    assert (tmp_path / "asked").read_text().split() == (["check"] if failing == "check" else ["check", "test"])


def test_make_help_names_every_verb() -> None:
    makefile = (ROOT / "Makefile").read_text()
    told = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, check=True, text=True, timeout=30)
    assert set(re.findall(r"(?m)^([a-z]+):", makefile)) - {"help"} == set(re.findall(r"\bmake ([a-z]+)", told.stdout))


def test_pages_name_only_make_verbs_that_exist() -> None:
    verbs = set(re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()))
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run"):
        named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", page.read_text(), re.MULTILINE))
        assert named <= verbs, page.name
