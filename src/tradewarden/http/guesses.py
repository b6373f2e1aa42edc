"""How often passwords may be tried: from one address, for one person, and all together."""

from __future__ import annotations

from typing import Final

from tradewarden.http.allowance import Allowance
from tradewarden.orchestrator.clock import Clock

FROM_ADDRESS: Final = (20, 60.0)  # tries in seconds
FOR_PERSON: Final = (10, 300.0)
IN_ALL: Final = (60, 60.0)  # a tenth of a second of a processor each


class Guesses:
    """Brute force from many addresses locks nobody out who is signed in from their own already."""

    def __init__(self, clock: Clock) -> None:
        self._addresses = Allowance(*FROM_ADDRESS, clock)
        self._people = Allowance(*FOR_PERSON, clock)
        self._strangers = Allowance(*FOR_PERSON, clock)  # apart: made-up names must not push the true ones out
        self._all = Allowance(*IN_ALL, clock)

    def wait(self, name: str, address: str, *, known: bool, familiar: bool) -> int:
        """0 for a try now, else the seconds to wait; a name that nobody has is treated as one that somebody has."""
        if wait := self._addresses.take(address):
            return wait
        if familiar:
            return self._people.take(f"{name} {address}")
        people = self._people if known else self._strangers
        return people.take(name) or self._all.take("")
