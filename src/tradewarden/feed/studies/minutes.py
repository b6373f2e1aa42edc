"""One-minute bars out of records: open, high, low, close of the last price, and what was traded meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tradewarden.feed.record import HAS_LTP, NANOSECONDS, RECORD, Frame, Kind, Mark

MINUTE: Final = 60
_MINUTE_NS: Final = MINUTE * NANOSECONDS
_HAS_VOLUME: Final = 1 << 5  # of the fields in their order, see record.py
_HAS_TIME: Final = 1 << 0


Plain = tuple[Any, ...]  # a Row's values in a Row's order: without the names it is made in a third of the time


def plain(frames: Iterable[Frame], after: int) -> list[Plain]:
    """Every record with a number greater than `after`."""
    return [
        (seq, frame.received_ns, *fields)
        for frame in frames
        for seq, fields in enumerate(RECORD.iter_unpack(frame.records), frame.first_seq)
        if seq > after
    ]


class Bar:
    """One instrument's minute, as far as it has been seen; prices are raw, see `scale`."""

    __slots__ = ("close", "first_seq", "high", "last_seq", "low", "oi", "open", "scale", "ticks", "volume")

    def __init__(self, price: int, scale: int, seq: int) -> None:
        self.open = self.high = self.low = self.close = price
        self.scale, self.first_seq, self.last_seq = scale, seq, seq
        self.volume = self.ticks = self.oi = 0


class MinuteBars:
    """Adds records up; what each instrument had traded before is remembered, since brokers tell the day's total."""

    def __init__(self, volumes: Iterable[tuple[int, int]] = ()) -> None:
        self.volumes: dict[int, int] = dict(volumes)  # the day's total by instrument, as told last

    def add(self, records: Iterable[Plain]) -> dict[tuple[int, int], Bar]:
        """The bars that these records make, by instrument and minute (seconds since 1970).

        The minute is the exchange's, or that of the receipt where the exchange's time did not come or is doubtful. A
        doubtful price makes no bar. A total that shrinks is that of a new day: what was traded before its first tick
        belongs to no minute that we have seen.
        """
        bars: dict[tuple[int, int], Bar] = {}
        volumes, doubtful_price, doubtful_time = self.volumes, int(Mark.PRICE), int(Mark.TIME)
        for record in records:
            seq, received, kind, scale, marks, has, _, instrument, exchange_ns, _, price, _, _, volume = record[:14]
            if kind != Kind.TICK or not has & HAS_LTP or marks & doubtful_price:
                continue
            at = exchange_ns if has & _HAS_TIME and not marks & doubtful_time else received
            key = (instrument, at // _MINUTE_NS * MINUTE)
            bar = bars.get(key)
            if bar is None:
                bar = bars[key] = Bar(price, scale, seq)
            elif price > bar.high:
                bar.high = price
            elif price < bar.low:
                bar.low = price
            bar.close, bar.last_seq = price, seq
            bar.ticks += 1
            if has & _HAS_VOLUME:
                traded = volume - volumes.get(instrument, volume)
                if traded > 0:
                    bar.volume += traded
                volumes[instrument] = volume
                bar.oi = record[20]
        return bars
