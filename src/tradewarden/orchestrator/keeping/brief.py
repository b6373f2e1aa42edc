"""What a keeper is told about its service when it begins; it comes over a socket and is never written down."""

from __future__ import annotations

Facts = tuple[
    str,  # name
    list[str],  # argv
    dict[str, str],  # env
    str,  # cwd
    str | None,  # user
    str,  # revision
    str,  # log
    int,  # log_bytes
    int,  # log_files
    bool,  # compress
    int,  # stop_signal
    float,  # stop_seconds
    str,  # restart
    int,  # attempts
    float,  # window
    float,  # base
    float,  # cap
    float,  # min_uptime
    bool,  # once
    float | None,  # until
    bool,  # fences: end what outlived an earlier keeper, and start nothing
    int,  # lives that it had under earlier keepers, since somebody started it
]


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
        "fences",
        "lives",
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
    fences: bool
    lives: int

    def __init__(self, facts: Facts) -> None:
        """The facts are proven: see request.py. They have no names: each would be a page of memory to every keeper."""
        (
            self.name,
            self.argv,
            self.env,
            self.cwd,
            self.user,
            self.revision,
            self.log,
            self.log_bytes,
            self.log_files,
            self.compress,
            self.stop_signal,
            self.stop_seconds,
            self.restart,
            self.attempts,
            self.window,
            self.base,
            self.cap,
            self.min_uptime,
            self.once,
            self.until,
            self.fences,
            self.lives,
        ) = facts
