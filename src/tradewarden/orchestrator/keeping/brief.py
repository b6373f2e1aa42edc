"""What a keeper is told about its service when it begins; it comes over a socket and is never written down."""

from __future__ import annotations

import json

_LONGEST_NAME = 64
_TAKEN = ("host",)  # host.figures are the machine's


class Brief:
    """One service, everything resolved: what to run, where its words go, when to start it again."""

    __slots__ = (
        "argv",
        "attempts",
        "base",
        "cap",
        "compress",
        "cwd",
        "env",
        "log",
        "log_bytes",
        "log_files",
        "min_uptime",
        "name",
        "once",
        "restart",
        "revision",
        "stop_seconds",
        "stop_signal",
        "until",
        "user",
        "window",
    )

    def __init__(self, name: str, told: dict[str, object]) -> None:
        """Raises ValueError with what is wrong."""
        given = _Given(told)
        self.name = name
        self.argv = given.texts("argv")
        self.env = given.pairs("env")
        self.cwd = given.text("cwd")
        self.user = given.text("user") or None
        self.revision = given.text("revision")
        self.log = given.text("log")
        self.log_bytes = int(given.number("log_bytes", 10_000_000))
        self.log_files = int(given.number("log_files", 5))
        self.compress = bool(told.get("compress"))
        self.stop_signal = int(given.number("stop_signal", 15))
        self.stop_seconds = given.number("stop_seconds", 10)
        self.restart = given.text("restart") or "always"
        self.attempts = int(given.number("attempts", 5))
        self.window = given.number("window", 60)
        self.base = given.number("base", 0.5)
        self.cap = given.number("cap", 60)
        self.min_uptime = given.number("min_uptime", 1)
        self.once = bool(told.get("once"))
        self.until = given.number("until", 0) if told.get("until") is not None else None
        if not self.argv or not self.log:
            raise ValueError("a service needs a command and a log")
        if not is_name(name):
            raise ValueError(f"{name!r} is no name of a service: letters, digits, '-' and '_' make one")


def is_name(name: str) -> bool:
    """Whether files can be named after this service without surprise."""
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return plain and len(name) <= _LONGEST_NAME and name not in _TAKEN


def parse(line: bytes) -> dict[str, object]:
    """One JSON object; raises ValueError for anything else."""
    told = json.loads(line)
    if not isinstance(told, dict):
        raise ValueError("an object was expected")  # noqa: TRY004 - one kind of refusal
    return told


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
