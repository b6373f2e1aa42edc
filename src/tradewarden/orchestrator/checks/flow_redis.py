"""How many entries a second are added to a stream of Redis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tradewarden.orchestrator.checks.check import PATIENCE
from tradewarden.orchestrator.checks.flow_reader import FlowError
from tradewarden.orchestrator.checks.flow_window import Window
from tradewarden.orchestrator.checks.redis import redis_address
from tradewarden.orchestrator.checks.resp import RefusedError, ask, enter
from tradewarden.orchestrator.checks.wire import GarbledError, Wire, dial, words

ADDED: Final = "entries-added"  # since Redis 7


class RedisFlow:
    """One stream, by the server's own count of all that was ever added: trimming does not disturb it."""

    def __init__(self, stream: str, server: Mapping[str, Any]) -> None:
        self._stream = stream
        self._address = replace(
            redis_address(server["url"]), username=server.get("username"), password=server.get("password")
        )
        self._wire: Wire | None = None
        self._window = Window()

    async def read(self, now: int) -> float | None:
        """What is added a second."""
        try:
            if self._wire is None:
                self._wire = await dial(self._address, tls=self._address.scheme == "rediss")
                await enter(self._wire, self._address)
            told = await ask(self._wire, "XINFO", "STREAM", self._stream)
        except RefusedError as refusal:
            raise FlowError(self._refused(refusal)) from None
        except (OSError, EOFError, GarbledError) as trouble:
            raise FlowError(f"Redis at {self._address} {words(trouble, PATIENCE)}") from None
        facts = dict(zip(told[::2], told[1::2], strict=False)) if isinstance(told, list) else {}
        if not isinstance(facts.get(ADDED), int):
            raise FlowError(f"Redis at {self._address} does not count what is added to a stream: that came with 7.0")
        return self._window.add(now, facts[ADDED])

    async def close(self) -> None:
        """Hang up."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire[1].transport.abort()

    def _refused(self, refusal: RefusedError) -> str:
        if "no such key" in str(refusal):
            return f"Redis at {self._address} has no stream {self._stream!r}"
        if refusal.code == "WRONGTYPE":
            return f"{self._stream!r} of Redis at {self._address} is no stream; nothing else counts what is added to it"
        return f"Redis at {self._address} refuses: {refusal}; see sinks.redis"
