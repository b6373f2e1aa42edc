"""What a daemon asks of the zygote, proven before a keeper is made of it."""

from __future__ import annotations

import json

_LONGEST_NAME = 64
_TAKEN = ("host",)  # host.figures are the machine's
_SIGNALS = range(1, 65)


def parse(line: bytes) -> dict[str, object]:
    """One JSON object; raises ValueError for anything else."""
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("an object was expected")  # noqa: TRY004 - one kind of refusal
    return told


def is_name(name: str) -> bool:
    """Whether files can be named after this service without surprise."""
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return plain and len(name) <= _LONGEST_NAME and name not in _TAKEN


def facts_of(name: str, told: dict[str, object]) -> dict[str, object]:
    """All that a keeper has to know of a service; raises ValueError with what is wrong."""
    if not is_name(name):
        raise ValueError(f"{name!r} is no name of a service: letters, digits, '-' and '_' make one")
    given = _Given(told)
    facts: dict[str, object] = {
        "name": name,
        "argv": given.texts("argv"),
        "env": given.pairs("env"),
        "cwd": given.text("cwd"),
        "user": given.text("user") or None,
        "revision": given.text("revision"),
        "log": given.text("log"),
        "log_bytes": int(given.number("log_bytes", 10_000_000)),
        "log_files": int(given.number("log_files", 5)),
        "compress": bool(told.get("compress")),
        "stop_signal": int(given.number("stop_signal", 15)),
        "stop_seconds": given.number("stop_seconds", 10),
        "restart": given.text("restart") or "always",
        "attempts": int(given.number("attempts", 5)),
        "window": given.number("window", 60),
        "base": given.number("base", 0.5),
        "cap": given.number("cap", 60),
        "min_uptime": given.number("min_uptime", 1),
        "once": bool(told.get("once")),
        "until": given.number("until", 0) if told.get("until") is not None else None,
    }
    if not facts["argv"] or not facts["log"]:
        raise ValueError(f"{name} needs a command and a log")
    if facts["stop_signal"] not in _SIGNALS:
        raise ValueError(f"{name} cannot be stopped with signal {facts['stop_signal']}")
    return facts


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
