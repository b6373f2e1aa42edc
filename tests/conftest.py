"""What holds for every test: it finds logging as it was, leaves nothing running, and may be run on a busy machine."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import settings

from tradewarden import early_log

if settings.get_current_profile_name() == "default":  # `make mutants` has a profile of its own
    settings.register_profile("suite", deadline=None)
    settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs here sets logging up for good, and loggers remember that: not beyond this test."""
    configure = structlog.configure

    def forgetful(**settings: Any) -> None:
        configure(**settings | {"cache_logger_on_first_use": False})

    monkeypatch.setattr(structlog, "configure", forgetful)
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)
    structlog.reset_defaults()
    early_log._held = None  # a command that broke off before it told


@pytest.fixture(scope="session", autouse=True)
def _nothing_outlives_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A kept program lives on by design: what a test leaves behind is ended here, and is that test's fault."""
    yield
    place, until = str(tmp_path_factory.getbasetemp()).encode(), time.monotonic() + 5
    while (left := _kept_in(place)) and time.monotonic() < until:
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, f"still running: {left}"


def _kept_in(place: bytes) -> dict[int, str]:
    """Zygotes, keepers and their programs with files in that place."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # gone meanwhile
            command = (process / "cmdline").read_bytes()
            marked = b"TRADEWARDEN_KEEPER=" + place in (process / "environ").read_bytes()
            if marked or (b"/zygote.py" in command and (place in command or _works_in(process, place))):
                found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def _works_in(process: Path, place: bytes) -> bool:
    """Whether its directory or one of its files lies there."""
    return any(os.fsencode(each.readlink()).startswith(place) for each in (process / "cwd", *process.glob("fd/*")))
