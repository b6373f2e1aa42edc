"""A few words with a server over a bare connection, under a deadline; every trouble becomes a verdict."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Final

from tradewarden.orchestrator.checks.address import Address
from tradewarden.orchestrator.checks.check import Verdict

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_NUMBER: Final = re.compile(r"\[Errno (-?\d+)\]")
_CODEC: Final = "encoding with 'idna' codec failed "
_ADVICE: Final = {
    errno.ECONNREFUSED: "nothing listens there; start it, or correct the port",
    errno.ENOENT: "there is no such socket; start it, or correct the path",
    errno.EACCES: "this user may not; allow it",
    errno.EHOSTUNREACH: "there is no way to this machine; look at the network",
    errno.ENETUNREACH: "there is no way to this network; look at the network",
    errno.ECONNRESET: "it hung up; look in its log",
    errno.EPIPE: "it hung up; look in its log",
}


class GarbledError(Exception):
    """The server says something else than its protocol allows."""


async def dial(address: Address, *, tls: bool = False) -> Wire:
    """A connection, which is the caller's to end. Raises OSError."""
    if address.host.startswith("/"):
        return await asyncio.open_unix_connection(address.host)
    context = ssl.create_default_context() if tls else None
    return await asyncio.open_connection(address.host, address.port, ssl=context)


@asynccontextmanager
async def connected(address: Address, *, tls: bool = False) -> AsyncIterator[Wire]:
    """A connection, which is gone afterwards. Raises OSError."""
    reader, writer = await dial(address, tls=tls)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def verdict(told: str, question: Awaitable[Verdict], patience: float) -> Verdict:
    """What the question brings; `told` is who is asked. Whatever the network does becomes a verdict."""
    try:
        async with asyncio.timeout(patience):
            return await question
    except (OSError, EOFError, GarbledError, ValueError) as trouble:
        return Verdict(good=False, text=f"{told} {words(trouble, patience)}")


def words(trouble: Exception, patience: float) -> str:
    """What went wrong, behind the name of who was asked."""
    match trouble:
        case TimeoutError():
            return f"gave no answer within {patience:g} s: it hangs, or something on the way swallows the question"
        case GarbledError():
            return f"does not answer as it should ({trouble}): correct the port, if it is not its"
        case EOFError():
            return "hung up without an answer: look in its log"
        case ValueError():  # the system's word for a name that cannot be one
            return f"cannot be asked ({str(trouble).removeprefix(_CODEC)}): correct the name of the host"
        case socket.gaierror():
            return f"cannot be found ({trouble.strerror}): correct the name of the host"
        case _:
            return f"cannot be reached: {_system(trouble)}"


def _system(trouble: Exception) -> str:
    if isinstance(trouble, ssl.SSLError):
        return f"it does not speak TLS as it should ({trouble.reason or trouble}): look at its certificate"
    number = trouble.errno if isinstance(trouble, OSError) else None
    if number is None and (found := _NUMBER.search(str(trouble))):  # several addresses were tried
        number = int(found[1])
    if number is None:
        return str(trouble)
    return _ADVICE.get(number) or os.strerror(number)
