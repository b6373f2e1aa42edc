"""Passwords kept as hashes that are slow to try: one at a time, and never on the loop that feeds the desk."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Final

from tradewarden.machines.password import LONGEST, normal

COST: Final = 15  # scrypt's n is 2 to this: 32 MB and a tenth of a second for each try
MOST_WAITING: Final = 8
_BLOCK, _LANES, _MEMORY, _LENGTH = 8, 1, 1 << 26, 32
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else
_GROUPS, _GROUP = 4, 5  # 99 bits
_NOBODYS: Final = b"a salt for names that nobody has"


class BusyError(Exception):
    """Too many passwords wait to be looked at."""


class Passwords:
    """Makes and compares hashes; whether a name is known cannot be told from the time that it takes."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0

    async def sealed(self, password: str) -> str:
        """The hash to keep. Raises BusyError."""
        salt = secrets.token_bytes(16)
        return _kept("scrypt", COST, salt, await self._slow(password, salt, COST))

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the one that was kept; the work is the same for a name without any. Raises BusyError."""
        kind, cost, salt, expected = ("", COST, _NOBODYS, b"") if kept is None else _read(kept)
        found = await self._slow(password, salt, cost)
        if kind == "once":
            found = _quick(password.strip(), salt)
        return hmac.compare_digest(found, expected)

    async def _slow(self, password: str, salt: bytes, cost: int) -> bytes:
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(_scrypt, password, salt, cost)
        finally:
            self._waiting -= 1


def one_time() -> tuple[str, str]:
    """A password that nobody can guess, to be used once, and its hash: it needs no slow one."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    password, salt = "-".join(groups), secrets.token_bytes(16)
    return password, _kept("once", COST, salt, _quick(password, salt))


def _scrypt(password: str, salt: bytes, cost: int) -> bytes:
    secret = normal(password[:LONGEST]).encode(errors="surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=1 << cost, r=_BLOCK, p=_LANES, maxmem=_MEMORY, dklen=_LENGTH)


def _quick(password: str, salt: bytes) -> bytes:
    return hashlib.blake2b(normal(password[:LONGEST]).encode(errors="surrogatepass"), key=salt, digest_size=32).digest()


def _kept(kind: str, cost: int, salt: bytes, digest: bytes) -> str:
    return "$".join((kind, str(cost), b64encode(salt).decode(), b64encode(digest).decode()))


def _read(kept: str) -> tuple[str, int, bytes, bytes]:
    kind, cost, salt, digest = kept.split("$")
    return kind, int(cost), b64decode(salt), b64decode(digest)
