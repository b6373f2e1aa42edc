"""Each new headline as a message and a stream entry in Redis, under the original's name for alerts.

It rides on no tick: the connection is made for the message and dropped after it, and a Redis that is away keeps nobody
waiting. What could not be told is told with the next headline, up to a hundred of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import orjson
import structlog

from tradewarden.feed.redis_server import RedisServer
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError
from tradewarden.machines.report import Picture
from tradewarden.orchestrator.driver import Spawn

KEPT: Final = 100  # headlines that wait for a Redis that is away
ENTRIES: Final = 10_000  # of the stream

log = structlog.get_logger()


class Words(Protocol):
    """A headline in words."""

    @property
    def text(self) -> str:
        """The sentence."""
        ...

    @property
    def detail(self) -> str:
        """What to do, or what is being done."""
        ...


class AlertStream:
    """Tells `<broker>:alerts` and `<broker>:alerts:stream` of each change of the headline."""

    def __init__(self, server: RedisServer, spawn: Spawn, *, broker: str, words: Callable[[Picture], Words]) -> None:
        self._server, self._spawn, self._words = server, spawn, words
        self._channel = f"{broker}:alerts"
        self._told: tuple[str, str] | None = None
        self._waiting: deque[bytes] = deque(maxlen=KEPT)
        self._sending = False
        self._trouble: str | None = None

    def look(self, picture: Picture) -> None:
        """The desk has changed."""
        line = picture.headline
        if self._told == (line.code, line.severity):
            return
        self._told = (line.code, line.severity)
        words = self._words(picture)
        message = {
            "type": "alert",
            "code": line.code,
            "layer": line.layer,
            "severity": line.severity,
            "status": line.severity.status,
            "message": words.text,
            "detail": words.detail,
            "timestamp": line.since.isoformat(),
        }
        self._waiting.append(orjson.dumps(message))
        if not self._sending:
            self._sending = True
            self._spawn(self._send(), name="redis.alerts")

    async def _send(self) -> None:
        try:
            await self._server.open(f"{self._channel}:stream")
            while self._waiting:
                message = self._waiting[0]
                stream = f"{self._channel}:stream"
                await self._server.ask("XADD", stream, "MAXLEN", "~", ENTRIES, "*", "data", message)
                self._waiting.popleft()
                await self._server.ask("PUBLISH", self._channel, message)
            self._trouble = None
        except (SinkUnavailableError, SinkMisfitError) as trouble:
            if self._trouble != str(trouble):
                log.warning("redis.alert_waits", why=str(trouble), waiting=len(self._waiting))
            self._trouble = str(trouble)
        finally:
            self._sending = False
            await self._server.close()
