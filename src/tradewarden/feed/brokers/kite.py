"""Kite's stream: one WebSocket, its instruments, and the watch over its silence. When to dial is not decided here."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Collection, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, cast

import aiohttp
import orjson
import structlog
from aiohttp import WSMsgType
from yarl import URL

from tradewarden import __version__
from tradewarden.feed.brokers import ending
from tradewarden.feed.brokers.decoder import decode
from tradewarden.feed.brokers.line import Line, Socket
from tradewarden.feed.brokers.resolver import Resolver
from tradewarden.feed.events import FeedEvents
from tradewarden.feed.tick import Mode
from tradewarden.machines.statechart import FaultError
from tradewarden.machines.subscription import difference

MOST_INSTRUMENTS = 3000  # on one connection, by Kite's documentation
LARGEST_MESSAGE = 4 * 1024 * 1024
HEADERS = {"X-Kite-Version": "3", "User-Agent": f"tradewarden/{__version__}"}

log = structlog.get_logger(__name__)


def requests(subscriptions: Mapping[int, Mode], held: Mapping[int, Mode] = MappingProxyType({})) -> list[str]:
    """What to ask Kite for, so that what is held becomes what is wanted.

    What is too much leaves first, since it counts toward the limit; then each new instrument is asked for once; then
    each mode is set that is not there yet. A new instrument begins in quote mode.
    """
    change = difference(held, subscriptions)
    messages: list[dict[str, Any]] = []
    if change.leave:
        messages.append({"a": "unsubscribe", "v": list(change.leave)})
    if change.add:
        messages.append({"a": "subscribe", "v": list(change.add)})
    modes = {token: mode for token, mode in change.add.items() if mode is not Mode.QUOTE} | dict(change.modes)
    for mode in (Mode.FULL, Mode.QUOTE, Mode.LTP):
        tokens = [token for token, wanted in modes.items() if wanted is mode]
        if tokens:
            messages.append({"a": "mode", "v": [mode.value, tokens]})
    return [orjson.dumps(message).decode() for message in messages]


def _few_enough(subscriptions: Mapping[int, Mode]) -> dict[int, Mode]:
    if len(subscriptions) > MOST_INSTRUMENTS:
        raise ValueError(
            f"{len(subscriptions)} instruments are more than one Kite connection carries; "
            f"take {len(subscriptions) - MOST_INSTRUMENTS} out, {MOST_INSTRUMENTS} is the most"
        )
    return dict(subscriptions)


class KiteStream:
    """A Kite connection that is dialled when told, reads until it ends, and says why it ended.

    It has no retry loop: the feed's machine decides. Calling `run` again drops what is left of an earlier connection,
    so there are never two.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        subscriptions: Mapping[int, Mode],
        events: FeedEvents,
        mute_after: float = 5.0,
        dial_timeout: float = 10.0,
        ssl: ssl.SSLContext | None = None,
    ) -> None:
        if URL(url).scheme not in {"ws", "wss"} or not URL(url).host:
            raise ValueError(f"{url!r} is no address of a WebSocket; it begins with wss:// (or ws:// for a simulator)")
        self._url = URL(url)
        self._api_key = api_key
        self._subscriptions = _few_enough(subscriptions)
        self._events = events
        self._mute_after = mute_after
        self._dial_timeout = dial_timeout
        self._ssl = ssl
        self._session: aiohttp.ClientSession | None = None
        self._line: Line | None = None
        self._complained: int | None = None  # the connection whose listener's bug has been logged
        self.callback_failures = 0  # bugs of whoever listens; each is also a bad frame of the kind "callback"

    def run(self, gen: int, token: str) -> Coroutine[Any, Any, None]:
        """Dial, subscribe and read until the connection ends, whatever ends it; the events tell the rest.

        It counts as running from the call on: a `close` that comes before the first step is not lost.
        """
        self.close()
        self._line = Line(gen)
        return self._run(self._line, token)

    async def _run(self, line: Line, token: str) -> None:
        following: Line | None = line
        while following is not None:
            line = following
            if line.silenced:
                return
            try:
                end = await self._live(line, token)
            finally:
                line.drop()
            following = line.successor
        if line.silenced:
            return
        line.silenced = True
        if end.reason == "refused":
            self._events.refused(line.gen, end.status)
        else:
            self._events.lost(line.gen, end.reason, end.detail)

    def resubscribe(self) -> None:
        """Ask for all instruments again on the open connection; nothing happens when there is none."""
        self._ask_beside("resubscribe", afresh=True)

    def ask_again(self, tokens: Collection[int]) -> None:
        """Ask for exactly these again, as far as they are wanted; nothing happens when no connection is open."""
        self._ask_beside("resubscribe", afresh=True, tokens=frozenset(tokens))

    def redial(self, place: int = 0) -> None:
        """Drop the open connection and dial it anew under its number; a failure is told as any other."""
        line = self._line
        if place == 0 and line is not None and line.socket is not None:
            self._line = line.successor = Line(line.gen, is_further=True)
            line.silenced = True
            line.drop()

    def connections(self) -> tuple[Mapping[int, Mode], ...]:
        """What is wanted on each connection; there is one."""
        return (self._subscriptions,)

    def set_subscriptions(self, wanted: Mapping[int, Mode]) -> None:
        """Stream exactly these from now on; of an open connection only what differs is asked.

        Raises ValueError when they are more than a connection carries; nothing has changed then.
        """
        self._subscriptions = _few_enough(wanted)
        self._ask_beside("subscribe")

    def _ask_beside(self, what: str, *, afresh: bool = False, tokens: Collection[int] | None = None) -> None:
        line = self._line
        if line is not None and line.socket is not None and line.group is not None:
            asking = self._ask_meanwhile(line, line.socket, afresh=afresh, tokens=tokens)
            line.group.create_task(asking, name=f"kite-{what}-{line.gen}")

    def close(self) -> None:
        """End the connection, or the attempt, in this very moment; nothing more is told of it."""
        if self._line is not None:
            self._line.silenced = True
            self._line.drop()
            self._line = None

    async def aclose(self) -> None:
        """Close for good."""
        self.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _live(self, line: Line, token: str) -> ending.Ending:
        try:
            async with asyncio.timeout(self._dial_timeout) as line.patience:
                socket = line.socket = await self._dial(token)
        except (aiohttp.ClientError, OSError, AssertionError) as error:  # aiohttp asserts that the line still stands
            return ending.of_dial(error, self._dial_timeout)
        if line.silenced:
            return ending.DROPPED
        async with asyncio.TaskGroup() as line.group:
            end = await self._talk(line, socket)
            line.drop()
        if line.mute:
            return ending.Ending(ending.MUTE, f"not one frame for {self._mute_after:g} s, not even a heartbeat")
        return end

    async def _talk(self, line: Line, socket: Socket) -> ending.Ending:
        line.watch(self._mute_after)
        if not line.is_further:
            self._tell(line, self._events.opened)
        try:
            await self._ask(line, socket)
            return await self._read(line, socket)
        except (aiohttp.ClientError, OSError):
            return ending.DROPPED

    async def _dial(self, token: str) -> Socket:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(resolver=Resolver(), use_dns_cache=False, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=HEADERS,
                timeout=aiohttp.ClientTimeout(total=None),
                ws_response_class=Socket,
            )
            # aiohttp asks once more by itself when a connection breaks: a dial is one dial, the machine counts them.
            self._session._retry_connection = False  # noqa: SLF001 - there is no public switch
        socket = await self._session.ws_connect(
            self._url,
            params={"api_key": self._api_key, "access_token": token},
            autoclose=False,
            autoping=False,  # answered below: a ping is a sign of life as well
            compress=0,
            decode_text=False,  # text that is not UTF-8 is a bad frame, not the end of the connection
            max_msg_size=LARGEST_MESSAGE,
            ssl=self._ssl if self._ssl is not None else True,
        )
        return cast("Socket", socket)

    async def _ask(
        self, line: Line, socket: Socket, *, afresh: bool = False, tokens: Collection[int] | None = None
    ) -> None:
        # One at a time: what has been asked of this connection is known only once it is written.
        async with line.asking:
            wanted, held = self._subscriptions, line.asked
            if afresh:
                again = wanted if tokens is None else tokens
                held = {token: mode for token, mode in held.items() if token not in wanted or token not in again}
            for message in requests(wanted, held):
                await socket.send_str(message)
            line.asked = wanted

    async def _ask_meanwhile(self, line: Line, socket: Socket, *, afresh: bool, tokens: Collection[int] | None) -> None:
        with contextlib.suppress(aiohttp.ClientError, OSError):  # the reader meets the same loss and tells it
            await self._ask(line, socket, afresh=afresh, tokens=tokens)

    async def _read(self, line: Line, socket: Socket) -> ending.Ending:
        clock = asyncio.get_running_loop().time
        while not line.silenced:
            message = await socket.receive()
            line.last_rx = clock()
            match message.type:
                case WSMsgType.BINARY:
                    self._binary(line, message.data)
                case WSMsgType.TEXT:
                    self._text(line, message.data)
                case WSMsgType.PING:
                    self._tell(line, self._events.frame)
                    await socket.pong(message.data)
                case WSMsgType.PONG:
                    self._tell(line, self._events.frame)
                case kind:
                    return ending.of_message(kind, message.data)
        return ending.DROPPED

    def _binary(self, line: Line, frame: bytes) -> None:
        self._tell(line, self._events.frame)
        ticks, bad = decode(frame)
        if ticks:
            self._tell(line, self._events.ticks, ticks)
        for kind in dict.fromkeys(part.fault.value for part in bad):
            self._tell(line, self._events.bad_frame, kind)

    def _text(self, line: Line, text: bytes) -> None:
        self._tell(line, self._events.frame)
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if isinstance(message, dict):
            self._tell(line, self._events.text, message)
        else:
            self._tell(line, self._events.bad_frame, "text")

    def _tell(self, line: Line, event: Callable[..., None], *facts: Any) -> None:
        """One event to the listener, whose bug must not cost the desk its stream.

        Raises FaultError when the machines themselves are at fault: then the daemon stops and is started again.
        """
        if line.silenced:
            return
        try:
            event(line.gen, *facts)
        except FaultError:
            raise
        except Exception:
            self.callback_failures += 1
            if self._complained != line.gen:  # such a bug comes with every frame: one line a connection is enough
                self._complained = line.gen
                log.exception("feed.callback_failed", gen=line.gen, callback=getattr(event, "__name__", "?"))
            if event != self._events.bad_frame:
                self._tell(line, self._events.bad_frame, "callback")
