"""Redis' protocol, just enough of it to ask a question: no library for a PING."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from tradewarden.orchestrator.checks.address import Address
from tradewarden.orchestrator.checks.wire import GarbledError, Wire

LONGEST: Final = 1 << 20  # bytes of one answer's part
DEEPEST: Final = 8


class RefusedError(Exception):
    """The server's refusal, in its own words; the first one is its code."""

    @property
    def code(self) -> str:
        """Such as NOAUTH or LOADING."""
        return str(self).partition(" ")[0]


async def ask(wire: Wire, *command: str | int) -> Any:
    """The answer to one command. Raises RefusedError, GarbledError, OSError and EOFError."""
    reader, writer = wire
    parts = [str(word).encode() for word in command]
    writer.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts))
    await writer.drain()
    return await _answer(reader, DEEPEST)


async def enter(wire: Wire, address: Address) -> None:
    """Log in and choose the database, as the address says. Raises as `ask`."""
    if address.password is not None:
        user = () if address.username in (None, "") else (address.username or "",)
        await ask(wire, "AUTH", *user, address.password)
    if address.path.isdecimal() and int(address.path):
        await ask(wire, "SELECT", int(address.path))


async def _answer(reader: asyncio.StreamReader, depth: int) -> Any:
    try:
        line = (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError:
        raise GarbledError("a line without an end") from None
    kind, rest = line[:1], line[1:]
    match kind:
        case b"+":
            return rest.decode(errors="replace")
        case b"-":
            raise RefusedError(rest.decode(errors="replace")[:300])
        case b":":
            return _number(rest)
        case b"$":
            size = _number(rest)
            if size < 0:
                return None
            if size > LONGEST:
                raise GarbledError(f"a part of {size} bytes")
            return (await reader.readexactly(size + 2))[:-2].decode(errors="replace")
        case b"*" if depth:
            return [await _answer(reader, depth - 1) for _ in range(min(_number(rest), LONGEST))]
        case _:
            raise GarbledError(f"it begins with {line[:20]!r}")


def _number(text: bytes) -> int:
    try:
        return int(text)
    except ValueError:
        raise GarbledError(f"{text[:20]!r} is no number") from None
