"""How much was traded at each price today, kept in memory as the ticks come."""

from __future__ import annotations

from collections.abc import Iterable

from tradewarden.feed.record import Frame
from tradewarden.feed.studies.trades import looks


class VolumeProfile:
    """The volume at each price, instrument by instrument.

    What was traded between two ticks counts for the price of the second, as the broker tells no more. What had been
    traded before the first tick is at no price. A day's volume that falls is a new day's, and the profile begins anew.
    """

    def __init__(self) -> None:
        self._at: dict[int, dict[int, int]] = {}  # instrument, raw price, volume
        self._scales: dict[int, int] = {}
        self._traded: dict[int, int] = {}  # the day's volume at the last tick

    def take(self, frames: Iterable[Frame]) -> None:
        """Count these ticks."""
        traded, at = self._traded, self._at
        for frame in frames:
            for instrument, scale, price, volume in looks(frame):
                if volume is None:
                    continue
                before = traded.get(instrument)
                traded[instrument] = volume
                if before is None or volume < before:
                    at[instrument], self._scales[instrument] = {}, scale
                elif volume > before:
                    profile = at[instrument]
                    profile[price] = profile.get(price, 0) + volume - before

    def of(self, instrument: int) -> list[tuple[float, int]]:
        """The prices of this instrument with their volumes, lowest price first."""
        divisor = 10 ** self._scales.get(instrument, 0)
        return [(price / divisor, volume) for price, volume in sorted(self._at.get(instrument, {}).items())]

    def point_of_control(self, instrument: int) -> float | None:
        """The price at which most was traded; the lower one of two, None before the first trade."""
        profile = self.of(instrument)
        return max(profile, key=lambda each: each[1])[0] if profile else None

    def value_area(self, instrument: int, share: float = 0.7) -> tuple[float, float] | None:
        """The prices around the point of control between which this share of the volume was traded."""
        profile = self.of(instrument)
        if not profile:
            return None
        low = high = max(range(len(profile)), key=lambda at: profile[at][1])
        held, wanted = profile[low][1], share * sum(volume for _, volume in profile)
        while held < wanted:
            below = profile[low - 1][1] if low else -1
            above = profile[high + 1][1] if high + 1 < len(profile) else -1
            if above > below:
                high += 1
            else:
                low -= 1
            held += max(above, below)
        return profile[low][0], profile[high][0]
