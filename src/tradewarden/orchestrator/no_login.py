"""The token of a desk that needs none: always there, on no disk, and it never dies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NoReturn

from tradewarden.machines.auth import Token

VALUE = "no-login"


class NoLogin:
    """Stands where the token files of a desk with a broker account stand."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._began = now()
        self._generation = 1
        self._read = False

    def changed(self) -> bool:
        """Whether somebody threw it away; then there is another."""
        return not self._read

    def tokens(self) -> list[Token]:
        """The one there is."""
        self._read = True
        return [Token(VALUE, self._generation, self._began)]

    def renew(self, token: Token) -> Token:
        """Another of the same value."""
        self._generation = max(self._generation, token.generation) + 1
        return Token(VALUE, self._generation, self._began)

    def save(self, value: str, *, user_id: str | None, minted_at: datetime) -> NoReturn:
        """Nobody logs in here, so nobody brings one. Raises RuntimeError."""
        about = f"{user_id} at {minted_at}, {len(value)} characters"
        raise RuntimeError(f"a login on a desk that needs none ({about}): please report it")

    def drop(self) -> None:
        """Forget it: a person who logs out of nothing is still where he was."""
        self._generation += 1
        self._read = False
