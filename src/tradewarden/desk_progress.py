"""What a person sees while the desk starts or stops: a line a service, and at the end where each can be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tradewarden.control import Control
from tradewarden.screen import Line, Screen
from tradewarden.service_words import brief, desk_line, reached

LOOK: Final = 0.2  # seconds between two looks
BEGIN: Final = 3.0  # seconds in which what was accepted must have begun
HEAL: Final = 10.0  # seconds for a start that has failed to come with a further try
_UNDER_WAY: Final = frozenset({"starting", "stopping", "backing_off"})
_RESTING: Final = frozenset({"down", "done", "failed"})
_WORSE: Final = frozenset({"failed", "paused"})
_BEGINS: Final = frozenset({"start", "restart"})
_ENDS: Final = frozenset({"stop", "down"})
_IN_VAIN: Final = (
    "{0} goes on being started again: `tradewarden services` tells whether it comes, `tradewarden stop {0}` ends it."
)

Body = Mapping[str, Any]


class Progress:
    """Looks at the services until what was asked for has come, or cannot come by itself."""

    def __init__(self, control: Control, screen: Screen, *, quiet: bool = False) -> None:
        self._control, self._screen, self._quiet = control, screen, quiet
        self._said: dict[str, str] = {}
        self._failing: dict[str, float] = {}  # since when a start has failed that is tried again
        self._before: dict[str, str | None] = {}  # when the life began that is to end

    async def remember(self) -> None:
        """Note which lives there are: after a restart they are over."""
        body = await self._control.document("/api/services", "services")
        self._before = {service["name"]: service["startedAt"] for service in body["services"]}

    async def follow(self, verb: str, names: Sequence[str]) -> bool:
        """Whether all of them came to where they should be; the person is told why not."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while True:
            body = await self._control.document("/api/services", "services")
            services = [service for service in body["services"] if service["name"] in names]
            young = loop.time() - begun < BEGIN
            over = _is_over(verb, body["desk"], services, young=young) and not (young and self._goes_on(services))
            in_vain = verb in _BEGINS and not over and self._is_in_vain(services, loop.time())
            self._show(verb, body, services)
            if over or in_vain:
                break
            await asyncio.sleep(LOOK)
        self._end(verb, body, services)
        return not any(_is_bad(verb, service) for service in services) and body["desk"]["state"] != "aborted"

    def _is_in_vain(self, services: Sequence[Body], now: float) -> bool:
        """Whether only such are under way whose start has failed, and has not come with further tries for a while."""
        under_way = [service for service in services if service["state"] in _UNDER_WAY]
        failing = {service["name"] for service in under_way if _fails(service)}
        self._failing = {name: self._failing.get(name, now) for name in sorted(failing)}
        return 0 < len(under_way) == sum(now - since >= HEAL for since in self._failing.values())

    def _goes_on(self, services: Sequence[Body]) -> bool:
        """Whether one lives the life that is to end."""
        lives = {name: began for name, began in self._before.items() if began is not None}
        return any(lives.get(service["name"]) == service["startedAt"] for service in services if service["startedAt"])

    def _show(self, verb: str, body: Body, services: Sequence[Body]) -> None:
        if self._quiet:
            return
        width = max(len(service["name"]) for service in services) if services else 0
        lines = [brief(service, width) for service in services]
        if self._screen.is_live:
            self._screen.show([desk_line(body), *lines])
            return
        self._screen.say(*self._news(verb, services, lines))

    def _news(self, verb: str, services: Sequence[Body], lines: Iterable[Line]) -> Iterator[Line]:
        """Those lines that say another state or reason than before; what has not begun yet says nothing."""
        for service, line in zip(services, lines, strict=True):
            now = f"{service['state']} {service['reason']}"
            silent = service["state"] == "down" and verb in _BEGINS
            before = self._said.setdefault(service["name"], now if silent else "")
            if before != now:
                self._said[service["name"]] = now
                yield line

    def _end(self, verb: str, body: Body, services: Sequence[Body]) -> None:
        if self._quiet:
            return
        desk = desk_line(body)
        self._screen.say(*([] if self._screen.is_live else [desk]))
        if verb in _BEGINS:
            self._screen.say(*reached(services))
            for service in services:
                if _fails(service):
                    self._screen.say(_IN_VAIN.format(service["name"]))
                if _fails(service) or service["state"] in _WORSE:
                    self._screen.say(f"Its last words: tradewarden logs {service['name']} -n 20")


def _is_over(verb: str, desk: Body, services: Sequence[Body], *, young: bool) -> bool:
    """Nothing is under way any more. What waits for a condition may wait for hours, and nobody waits with it.

    Nor with what does not end although killed, once its desk has come to rest without it.
    """
    states = {service["state"] for service in services}
    if verb in _ENDS:
        return states <= _RESTING or (not young and desk["state"] == "stopped")
    if desk["state"] in ("starting", "stopping") or states & (_UNDER_WAY - {"backing_off"}):
        return False
    if "backing_off" in states:
        return bool(desk["state"] == "aborted")
    return not (young and "down" in states)


def _is_bad(verb: str, service: Body) -> bool:
    if verb in _ENDS:
        return service["state"] not in _RESTING
    return service["state"] in _WORSE or service["state"] == "down" or _fails(service)


def _fails(service: Body) -> bool:
    """Whether its start has failed and is tried again."""
    return service["state"] in _UNDER_WAY and (service["state"] == "backing_off" or service["restarts"] > 0)
