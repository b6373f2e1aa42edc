"""What a keeper is told about its service when it begins; it comes over a socket and is never written down."""

from __future__ import annotations


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
    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: str
    user: str | None
    revision: str
    log: str
    log_bytes: int
    log_files: int
    compress: bool
    stop_signal: int
    stop_seconds: float
    restart: str
    attempts: int
    window: float
    base: float
    cap: float
    min_uptime: float
    once: bool
    until: float | None

    def __init__(self, facts: dict[str, object]) -> None:
        """The facts are proven: see request.py."""
        for each in Brief.__slots__:
            setattr(self, each, facts[each])
