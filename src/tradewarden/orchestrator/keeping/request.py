"""What a daemon asks of the zygote, proven before a keeper is made of it."""

from __future__ import annotations

import json

from tradewarden.orchestrator.keeping.brief import Facts

_LONGEST_NAME = 97  # a job of 64 signs, '@', and a trader's name of 32
_TAKEN = ("host",)  # host.figures are the machine's
_SIGNALS = range(1, 65)


def parse(line: bytes) -> dict[str, object]:
    """One JSON object; raises ValueError for anything else."""
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("an object was expected")  # noqa: TRY004 - one kind of refusal
    return told


def is_name(name: str) -> bool:
    """Whether files can be named after this service without surprise; NAME@USER is a trader's own instance."""
    own, at, user = name.partition("@")
    parts = (own, user) if at else (own,)
    plain = name.isascii() and all(each.replace("-", "").replace("_", "").isalnum() for each in parts)
    return plain and len(name) <= _LONGEST_NAME and name not in _TAKEN


def facts_of(name: str, told: dict[str, object]) -> Facts:
    """All that a keeper has to know of a service; raises ValueError with what is wrong."""
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a service: letters, digits, '-', '_' and one '@' make one")
    given = _Given(told)
    argv, log, stop_signal = given.texts("argv"), given.text("log"), int(given.number("stop_signal", 15))
    if not argv or not log:
        raise ValueError(f"{name} needs a command and a log")
    if stop_signal not in _SIGNALS:
        raise ValueError(f"{name} cannot be stopped with signal {stop_signal}")
    return (
        name,
        argv,
        given.pairs("env"),
        given.text("cwd"),
        given.text("user") or None,
        given.text("revision"),
        log,
        int(given.number("log_bytes", 10_000_000)),
        int(given.number("log_files", 5)),
        bool(told.get("compress")),
        stop_signal,
        given.number("stop_seconds", 10),
        given.text("restart") or "always",
        int(given.number("attempts", 5)),
        given.number("window", 60),
        given.number("base", 0.5),
        given.number("cap", 60),
        given.number("min_uptime", 1),
        bool(told.get("once")),
        given.number("until", 0) if told.get("until") is not None else None,
        bool(told.get("fence_only")),
        int(given.number("lives", 0)),
    )


class _Given:
    def __init__(self, told: dict[str, object]) -> None:
        self._told = told

    def text(self, key: str) -> str:
        value = self._told.get(key)
        if value is None:
            return ""
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"{key} should be a text")
        return value

    def texts(self, key: str) -> list[str]:
        value = self._told.get(key)
        if not isinstance(value, list) or not all(isinstance(each, str) and "\0" not in each for each in value):
            raise ValueError(f"{key} should be a list of texts")
        return value

    def pairs(self, key: str) -> dict[str, str]:
        value = self._told.get(key) or {}
        if not isinstance(value, dict) or not all(
            isinstance(each, str) and "\0" not in name + each and name and "=" not in name
            for name, each in value.items()
        ):
            raise ValueError(f"{key} should be names and texts")
        return value

    def number(self, key: str, usual: float) -> float:
        value = self._told.get(key, usual)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124 - not a number
            raise ValueError(f"{key} should be a number")
        return value
