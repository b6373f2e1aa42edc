"""What holds for every test: each finds logging as it was, and a busy machine is no fault of an example."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import settings

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
