"""The words of servers, strangers and our own memory of alerts, as targets of the fuzzer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import orjson

from fuzz_targets import MOMENT, NESTED, Target
from tradewarden.control import is_problem, told
from tradewarden.feed.sinks.line_http import Answer
from tradewarden.machines.alert import AlertRules
from tradewarden.orchestrator.senders.delivery import _object, _refusal


def _words() -> Iterator[bytes]:
    for body in (
        {"type": "/problems/validation", "errors": [{"pointer": "/rows", "detail": "allowed is 1"}], "title": "no"},
        {"type": "/problems/unauthorized", "detail": "a token is needed"},
        {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 17}},
        {"error": "partial write: field type conflict", "message": "x"},
    ):
        yield json.dumps(body).encode()
    yield NESTED


def _read_words(data: bytes) -> None:
    Answer(400, data, {}).words.encode()
    said = _object(data)
    for wait in (None, "17", data[:8].decode(errors="replace")):
        str(_refusal(429, wait, said))
    with suppress(orjson.JSONDecodeError):
        body = orjson.loads(data)
        if is_problem(body):
            told(body)


def _memories() -> Iterator[bytes]:
    rules = AlertRules(datetime(2026, 1, 1, 8, 15, tzinfo=UTC).time())
    yield json.dumps(rules.memory()).encode()
    trouble = {
        "failing": True,
        "since": MOMENT.isoformat(),
        "code": "auth.required",
        "text": "log in",
        "opened_at": None,
        "told": ["auth.required"],
        "reminders": 0,
        "flips": [MOMENT.isoformat()],
        "flapping": False,
    }
    yield json.dumps({"version": 1, "warned_on": "2026-11-23", "troubles": {"auth": trouble}}).encode()


def _read_memory(data: bytes) -> None:
    rules = AlertRules(datetime(2026, 1, 1, 8, 15, tzinfo=UTC).time())
    with suppress(ValueError):
        rules.remember(json.loads(data), MOMENT)
        json.dumps(rules.memory())


WORDS = [
    Target("words", _words, _read_words, (b'"errors"', b'"type"', b"/problems/", b"null", b"NaN", b"\\ud800")),
    Target("memory", _memories, _read_memory, (b'"auth"', b'"flips"', b"null", b"1e999", b"9999-12-31", b"+23:59")),
]
