"""How long each instrument usually pauses: learned from its own ticks, in 24 bytes an instrument."""

from __future__ import annotations

from array import array

SHORTEST = 2  # seconds: a pause below it is none
EXCEEDED = 100  # a pause is usual unless no more than one part in so many of the time was spent in longer ones

_SIZES = 12  # of pauses: from 2 s, from 4 s, from 8 s, ... from 4096 s
_FULL = 0xFFFF


class Pauses:
    """The time that each instrument spent in pauses of each size.

    Time is weighed, not pauses counted: an option that trades in bursts pauses seldom and yet is mostly silent.
    """

    def __init__(self, count: int) -> None:
        self._spent = array("H", bytes(2 * _SIZES * count))  # seconds

    def note(self, slot: int, seconds: int) -> None:
        """A pause of so many whole seconds is over."""
        if seconds >= SHORTEST:
            place = slot * _SIZES + min(seconds.bit_length() - 2, _SIZES - 1)
            self._spent[place] = min(_FULL, self._spent[place] + seconds)

    def usual(self, slot: int, observed: int) -> int:
        """The seconds of a pause that is nothing unusual; it was longer for a hundredth of the `observed` seconds."""
        longer = 0
        for size in reversed(range(_SIZES)):
            longer += self._spent[slot * _SIZES + size]
            if longer * EXCEEDED > observed:
                return SHORTEST << (size + 1)
        return SHORTEST

    def halve(self, slot: int) -> None:
        """Let what is old weigh half."""
        for place in range(slot * _SIZES, (slot + 1) * _SIZES):
            self._spent[place] //= 2

    def take(self, slot: int, other: Pauses, its: int) -> None:
        """Take over what another has learned of the same instrument."""
        self._spent[slot * _SIZES : (slot + 1) * _SIZES] = other._spent[its * _SIZES : (its + 1) * _SIZES]
