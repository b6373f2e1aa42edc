"""A mail server that keeps what it is sent: as much SMTP as one client needs."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class MailSink:
    """What came in, and what the server is to say."""

    port: int = 0
    login: tuple[str, str] | None = None  # asked for when set
    answers: dict[str, str] = field(default_factory=dict)  # a verb, and what is said instead of OK
    mails: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    mute: bool = False
    open: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = asyncio.current_task()
        assert conversation is not None
        self.open[conversation] = writer
        try:
            await (reader.read() if self.mute else self._converse(reader, writer))
        finally:
            writer.transport.abort()
            del self.open[conversation]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(line.encode() + b"\r\n")

        say("220 sink")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            self.heard.append(verb)
            if verb in self.answers:
                say(self.answers[verb])
            elif verb == "EHLO":
                say("250-sink")
                say("250 AUTH PLAIN" if self.login else "250 OK")
            elif verb == "AUTH":
                say("235 OK" if self._is_known(line.split()[2]) else "535 no")
            elif verb == "DATA":
                say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                self.mails.append(raw.decode())
                say("250 kept")
            else:
                if verb == "RCPT":
                    self.recipients.append(line.partition("<")[2].partition(">")[0])
                say("221 bye" if verb == "QUIT" else "250 OK")
                if verb == "QUIT":
                    return

    def _is_known(self, plain: str) -> bool:
        _, user, password = base64.b64decode(plain).decode().split("\0")
        return (user, password) == self.login


@asynccontextmanager
async def mail_sink() -> AsyncIterator[MailSink]:
    """A mail server on this machine until the block ends."""
    sink = MailSink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    async with server:
        yield sink
        left = dict(sink.open)
        for writer in left.values():
            writer.transport.abort()
        await asyncio.gather(*left, return_exceptions=True)
