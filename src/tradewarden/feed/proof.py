"""What proves that ticks are new: the snapshot that follows a subscribe proves nothing, however often it is told."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tradewarden.feed.tick import Mode, Tick

SNAPSHOTS = 2  # of one instrument and mode that a subscribe may bring, one for itself and one for the change of mode


class Proof:
    """What has been seen of each instrument since it was asked for."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Mode, tuple[object, ...], int]] = {}

    def forget(self, tokens: Iterable[int] | None = None) -> None:
        """These, or all, are asked for again: what was seen before proves nothing any more."""
        if tokens is None:
            self._seen.clear()
        else:
            for token in tokens:
                self._seen.pop(token, None)

    def is_in(self, ticks: Iterable[Tick]) -> bool:
        """Whether one of these can only be new."""
        proven = [self._is_new(tick) for tick in ticks]  # all are looked at: the next frame is held against them
        return any(proven)

    def among(self, ticks: Iterable[Tick], tokens: Collection[int]) -> list[int]:
        """Which of these instruments have a tick here that can only be new."""
        return [tick.token for tick in ticks if tick.token in tokens and self._is_new(tick)]

    def _is_new(self, tick: Tick) -> bool:
        content, times, new = _content(tick), 1, False
        before = self._seen.get(tick.token)
        if before is not None and before[0] is tick.mode:
            times = before[2] + 1
            is_third = times > SNAPSHOTS and tick.exchange_ts is None  # a price may stand still for hours
            new = before[1] != content or is_third
        self._seen[tick.token] = (tick.mode, content, times)
        return new


def _content(tick: Tick) -> tuple[object, ...]:
    """All that may change from one tick of an instrument to the next."""
    return (
        tick.exchange_ts,
        tick.last_price_raw,
        tick.volume,
        tick.last_trade_ts,
        tick.buy_quantity,
        tick.sell_quantity,
        tick.average_price_raw,
        tick.oi,
        tick.depth_block,
    )
