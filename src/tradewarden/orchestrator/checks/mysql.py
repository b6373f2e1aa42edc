"""Does this MariaDB or MySQL greet, or take a login?"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, Self

from tradewarden.orchestrator.checks.address import Address, address_of
from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.wire import GarbledError, connected, verdict

if TYPE_CHECKING:
    import asyncio

PORT: Final = 3306
SCHEMES: Final = ("mysql", "mariadb", "unix")
LONGEST: Final = 4096  # bytes of a greeting
LOST: Final = (struct.error, LookupError, TypeError, AttributeError, AssertionError)  # a driver in bytes of no sense
_PROTOCOL, _ERROR = 10, 255  # what a greeting begins with


class MysqlCheck:
    """The server's greeting; with a user in the address, a login and a question too."""

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address, self._patience = address, patience
        self._told = f"MySQL at {address}"

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """``, a port, `host:port`, a socket's path or `mysql://user:password@host:port/database`.

        Raises ValueError with what is allowed.
        """
        return cls(address_of(subject.target, schemes=SCHEMES, port=PORT), subject.patience)

    async def ask(self) -> Verdict:
        """Whether it greets, and takes the login if there is one."""
        question = self._greeting() if self.address.username is None else self._login()
        return await verdict(self._told, question, self._patience)

    async def _greeting(self) -> Verdict:
        async with connected(self.address) as (reader, _):
            greeting = await _packet(reader)
        match greeting[0]:
            case n if n == _PROTOCOL:
                version = greeting[1:].partition(b"\0")[0].decode(errors="replace")[:60]
                return Verdict(good=True, text=f"{self._told} greets ({version})")
            case n if n == _ERROR:
                text = greeting[3:].decode(errors="replace")[:200]
                return Verdict(good=False, text=f"{self._told} refuses: {text}")
            case _:
                raise GarbledError(f"it begins with {greeting[:20]!r}")

    async def _login(self) -> Verdict:
        try:
            import asyncmy  # noqa: PLC0415 - 3 MB, for those who ask with a login
            from asyncmy.errors import MySQLError  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            text = f"{self._told} cannot be asked: pip install 'tradewarden[mysql]' brings {missing.name}"
            return Verdict(good=False, text=f"{text}, or leave the user out of the address")
        try:
            connection = await asyncmy.connect(**_way(self.address), connect_timeout=self._patience)
        except MySQLError as refusal:
            if isinstance(refusal.__cause__, OSError):
                raise refusal.__cause__ from None
            return Verdict(good=False, text=f"{self._told} refuses: {_said(refusal)}")
        except RuntimeError as trouble:  # the driver's word for a way to log in that it has no library for
            return Verdict(good=False, text=f"{self._told}: {trouble}")
        except LOST as trouble:
            raise GarbledError(f"the driver says {trouble}") from None
        connection.close()
        return Verdict(good=True, text=f"{self._told} takes the login of {self.address.username!r}")


def _way(address: Address) -> dict[str, Any]:
    place: dict[str, Any] = {"host": address.host, "port": address.port}
    if address.host.startswith("/"):
        place = {"unix_socket": address.host}
    return place | {
        "user": address.username,
        "password": (address.password or "").encode(),
        "database": address.path or None,
    }


def _said(refusal: Exception) -> str:
    return f"{refusal.args[1]} ({refusal.args[0]})" if len(refusal.args) > 1 else str(refusal)


async def _packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    size = int.from_bytes(head[:3], "little")
    if not 0 < size <= LONGEST:
        raise GarbledError(f"it begins with {head!r}")
    return await reader.readexactly(size)
