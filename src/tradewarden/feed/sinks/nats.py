"""NATS JetStream: every tick in a stream, as the journal's frames, a message for each 500 or so.

The server itself sees to it that nothing is there twice: a message says behind which one it belongs, and it has an ID.
What is guaranteed, and how to read it: docs/sinks/nats.md.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import Header, RawStreamMsg, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from tradewarden.feed import bus
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.sink import Batching, SinkMisfitError, SinkUnavailableError, Stored, Written

PATIENCE: Final = 10.0  # seconds for one answer
LAST: Final = "Tradewarden-Last"  # the header with the number of a message's last tick
WRONG_LAST: Final = 10071  # what JetStream answers when a message does not follow the one it says
FULL: Final = frozenset({10023, 10028, 10047, 10077})  # and when memory, disk or the stream's own limits are used up


class NatsSink:
    """One NATS server, or several of one cluster, as a store of the latest ticks for any number of readers."""

    name = "nats"

    def __init__(
        self,
        *,
        url: str,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        broker: str = "kite",
        keep_hours: float = 24.0,
        keep_gb: float = 4.0,
        replicas: int = 1,
        duplicate_minutes: float = 2.0,
        names: Names | None = None,  # noqa: ARG002 - numbers travel, names are everybody's own
    ) -> None:
        self.batching = Batching()
        parts = urlsplit(url)
        self._where = f"NATS at {parts.hostname}:{parts.port or 4222}"
        self._url = url
        self._login = {"user": username, "password": password, "token": token}
        self._subject = f"{broker}.frames"
        self._config = StreamConfig(
            name=f"{broker}_frames",
            subjects=[self._subject],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            max_age=keep_hours * 3600,
            max_bytes=int(keep_gb * 1e9),
            num_replicas=replicas,
            duplicate_window=duplicate_minutes * 60,
            allow_direct=True,
        )
        self._stream = f"{broker}_frames"
        self._client: Client | None = None
        self._noted: Exception | None = None
        self._messages = 0  # the stream's own number of its last message
        self._top = 0  # the number of its last tick, as far as we know

    async def open(self) -> None:
        """Connect, and make the stream or give it its limits."""
        await self.close()
        client = self._client = Client()
        try:
            async with asyncio.timeout(PATIENCE):
                await client.connect(
                    self._url,
                    **self._login,  # type: ignore[arg-type]
                    name=f"tradewarden {self._stream}",
                    allow_reconnect=False,  # who dials again, and when, is decided above
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=int(PATIENCE),
                    error_cb=self._note,
                    pending_size=64 * 1024 * 1024,
                )
                await self._ensure(client)
        except nats.errors.NoServersError as error:
            raise self._trouble(self._noted or error) from None
        except (nats.errors.Error, OSError) as error:
            raise self._trouble(error) from None
        await self.position()

    async def position(self) -> int | None:
        """The number of the last tick in the stream; nobody knows it once all messages are gone."""
        stream = self._jetstream()
        try:
            async with asyncio.timeout(PATIENCE):
                self._messages = (await stream.stream_info(self._stream)).state.last_seq
                if not self._messages:
                    return 0
                message = await stream.get_msg(self._stream, seq=self._messages)
        except NotFoundError:
            return None
        except (nats.errors.Error, OSError) as error:
            raise self._trouble(error) from None
        self._top = self._last_of(message)
        return self._top

    async def write(self, frames: Sequence[Frame]) -> Written:
        """Publish what the stream does not have yet, and wait until it is kept."""
        stream = self._jetstream()
        fresh = bus.after(frames, self._top)
        sending = [
            self._send(stream, parcel, behind) for behind, parcel in enumerate(bus.parcels(fresh), self._messages)
        ]
        for answer in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(answer, nats.errors.Error | OSError):
                raise self._trouble(answer) from None
            if isinstance(answer, BaseException):
                raise answer
            self._messages, self._top = self._messages + 1, answer
        return Written(sum(frame.count for frame in frames))

    async def tables(self) -> list[Stored]:
        """The stream's ticks and bytes."""
        stream = self._jetstream()
        try:
            async with asyncio.timeout(PATIENCE):
                state = (await stream.stream_info(self._stream)).state
                oldest = await stream.get_msg(self._stream, seq=state.first_seq) if state.messages else None
        except NotFoundError:  # it has just let go of it
            return [Stored(self._stream, None, None)]
        except (nats.errors.Error, OSError) as error:
            raise self._trouble(error) from None
        rows = 0 if oldest is None else self._top - bus.frames(oldest.data or b"")[0].first_seq + 1
        return [Stored(self._stream, rows, state.bytes)]

    async def messages(self) -> tuple[int, int]:
        """The stream's own numbers of its oldest and its newest message."""
        try:
            async with asyncio.timeout(PATIENCE):
                state = (await self._jetstream().stream_info(self._stream)).state
        except (nats.errors.Error, OSError) as error:
            raise self._trouble(error) from None
        return state.first_seq, state.last_seq

    async def message(self, number: int) -> bytes:
        """What the message with this number holds; nothing when it has gone."""
        try:
            async with asyncio.timeout(PATIENCE):
                return (await self._jetstream().get_msg(self._stream, seq=number)).data or b""
        except NotFoundError:
            return b""
        except (nats.errors.Error, OSError) as error:
            raise self._trouble(error) from None

    async def close(self) -> None:
        """Hang up; what is still on its way out may come, and is refused if it comes too late."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(nats.errors.Error, OSError):
            async with asyncio.timeout(1):
                await client.close()

    def _jetstream(self) -> JetStreamContext:
        if self._client is None or not self._client.is_connected:
            raise SinkUnavailableError(f"{self._where} is not connected.")
        return self._client.jetstream(timeout=PATIENCE)

    async def _ensure(self, client: Client) -> None:
        """See that the stream is there and takes our subject; it gets the limits of the settings."""
        stream = client.jetstream(timeout=PATIENCE)
        try:
            held = (await stream.stream_info(self._stream)).config
        except NotFoundError:
            await stream.add_stream(self._config)
            return
        if self._subject not in (held.subjects or ()):
            raise SinkMisfitError(
                f"{self._where}: the stream {self._stream} does not take the subject {self._subject}; add it, or set"
                " another sinks.nats.broker."
            )
        ours = (self._config.max_age, self._config.max_bytes, self._config.duplicate_window)
        if (held.max_age, held.max_bytes, held.duplicate_window) != ours:
            age, size, window = ours
            await stream.update_stream(held, max_age=age, max_bytes=size, duplicate_window=window)

    async def _send(self, stream: JetStreamContext, parcel: Sequence[Frame], behind: int) -> int:
        """One message behind so many others; the number of its last tick."""
        last = parcel[-1].last_seq
        headers = {
            Header.MSG_ID.value: str(parcel[0].first_seq),
            Header.EXPECTED_LAST_SEQUENCE.value: str(behind),
            LAST: str(last),
        }
        async with asyncio.timeout(PATIENCE):
            kept = await stream.publish(self._subject, bus.message(parcel), headers=headers, stream=self._stream)
        if kept.duplicate:
            raise self._changed()
        return last

    def _last_of(self, message: RawStreamMsg) -> int:
        last = (message.headers or {}).get(LAST, "")
        if not last.isdecimal():
            raise SinkMisfitError(
                f"{self._where}: the stream {self._stream} has a message that is not ours; let nobody else publish"
                f" {self._subject}, or set another sinks.nats.broker."
            )
        return int(last)

    async def _note(self, error: Exception) -> None:
        """Why no server could be reached: the library tells it here only, the rest also to whoever waits."""
        self._noted = error

    def _changed(self) -> SinkUnavailableError:
        return SinkUnavailableError(f"{self._where}: the stream {self._stream} went on while it was written.")

    def _trouble(self, error: Exception) -> SinkUnavailableError | SinkMisfitError:
        """What an error means: the server is away, or somebody must act."""
        lasting = self._lasting(error)
        if lasting is not None:
            return SinkMisfitError(f"{self._where} {lasting}.")
        match error:
            case APIError(err_code=code) if code == WRONG_LAST:
                return self._changed()
            case TimeoutError():
                return SinkUnavailableError(f"{self._where} did not answer within {PATIENCE:g} s.")
            case OSError(strerror=str(why)):
                return SinkUnavailableError(f"{self._where} cannot be reached: {why}.")
            case _:
                return SinkUnavailableError(f"{self._where} broke off: {str(error) or type(error).__name__}.")

    def _lasting(self, error: Exception) -> str | None:
        """Why a person must act; none when the server may come back by itself."""
        told = self._client._server_info if self._client is not None else {}  # noqa: SLF001 - nothing public has it
        match error:
            case nats.errors.Error() if "authorization" in str(error).lower():
                return "refuses the login; correct user, password or token in the settings"
            case ServiceUnavailableError() | nats.errors.NoRespondersError() if told and not told.get("jetstream"):
                return "has no JetStream: start nats-server with -js"
            case APIError(err_code=code, description=text) if code in FULL:
                return f"is full ({text}): make room, or keep fewer hours"
            case APIError(code=400, err_code=code, description=text) if code != WRONG_LAST:
                return f"refuses the stream {self._stream}: {text}"
            case _:
                return None
