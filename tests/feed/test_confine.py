"""What a service manager forbids must not keep a process from its work; what the kernel then refuses: test_query.py."""

import os
import resource
import signal
from typing import Any

import pytest

from tradewarden.feed import confine


def refuse(*_: Any) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_a_sandbox_that_lets_nobody_set_limits_or_step_back_keeps_nobody_from_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for place, name in ((os, "nice"), (resource, "setrlimit")):
        monkeypatch.setattr(place, name, refuse)
    monkeypatch.setattr(signal, "alarm", lambda _: None)
    before = signal.getsignal(signal.SIGXFSZ)
    confine.step_back(5)
    confine.limit(seconds=5, memory=1 << 30)
    signal.signal(signal.SIGXFSZ, before)


def test_where_the_kernels_calls_cannot_be_made_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "_libc", lambda: None)
    assert confine.confine([]) is False
