"""Does this Redis answer a PING?"""

from __future__ import annotations

from typing import Final, Self

from tradewarden.orchestrator.checks.address import Address, address_of
from tradewarden.orchestrator.checks.check import PATIENCE, Subject, Verdict
from tradewarden.orchestrator.checks.resp import RefusedError, ask, enter
from tradewarden.orchestrator.checks.wire import GarbledError, connected, verdict

PORT: Final = 6379
SCHEMES: Final = ("redis", "rediss", "unix")
_MEANS: Final = {
    "LOADING": "is still reading its files",
    "MASTERDOWN": "is a replica that has lost its primary",
    "BUSY": "is busy with somebody's script",
    "WRONGPASS": "refuses the login: correct user or password in the address",
    "NOPERM": "does not let this user do that: allow it in the server's ACL",
    "DENIED": "is in protected mode: give it a password, or let it listen on loopback only",
}


class RedisCheck:
    """A login if the address has one, and a PING; spoken without a library."""

    def __init__(self, address: Address, patience: float = PATIENCE) -> None:
        self.address, self._patience = address, patience
        self._told = f"Redis at {address}"

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """``, a port, `host:port` or `redis://user:password@host:port/0`. Raises ValueError with what is allowed."""
        return cls(redis_address(subject.target), subject.patience)

    async def ask(self) -> Verdict:
        """Whether it answers, and is not still reading its files."""
        return await verdict(self._told, self._ping(), self._patience)

    async def _ping(self) -> Verdict:
        async with connected(self.address, tls=self.address.scheme == "rediss") as wire:
            try:
                await enter(wire, self.address)
                answer = await ask(wire, "PING")
            except RefusedError as refusal:
                return self._refused(refusal)
        if answer != "PONG":
            raise GarbledError(f"it says {str(answer)[:20]!r} to a PING")
        return Verdict(good=True, text=f"{self._told} answers")

    def _refused(self, refusal: RefusedError) -> Verdict:
        if refusal.code == "NOAUTH" and self.address.password is None:
            # It works, and who has no password cannot know more. Whether it still reads its files, it tells its users.
            return Verdict(good=True, text=f"{self._told} answers, and asks for a password")
        return Verdict(good=False, text=f"{self._told} {_MEANS.get(refusal.code) or f'refuses: {refusal}'}")


def redis_address(text: str) -> Address:
    """Where that Redis is. Raises ValueError with what is allowed."""
    address = address_of(text, schemes=SCHEMES, port=PORT)
    if address.path and not (address.path.isascii() and address.path.isdecimal()):
        raise ValueError("allowed is the number of a database behind the port, as in redis://127.0.0.1:6379/0")
    return address
