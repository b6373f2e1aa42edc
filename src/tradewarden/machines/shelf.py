"""The journal's segments on the disk: which of them may go, and which go although somebody has not read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A segment that is not written any more."""

    first_seq: int
    bytes: int
    age: float  # seconds since its last record
    read: bool  # every store is past it
    sealed: bool | None  # its Parquet is safe; None on a desk that seals nothing

    @property
    def done(self) -> bool:
        """Nobody needs it any more."""
        return self.read and self.sealed is not False


@dataclass(frozen=True, slots=True)
class Leaving:
    """What goes, by first number, and whether what stays is still more than it should be."""

    done: tuple[int, ...] = ()
    unread: tuple[int, ...] = ()  # a store was not past it; its ticks are in Parquet
    too_much: bool = False


def leaving(
    volumes: Sequence[Volume], *, kept_bytes: int, keep_bytes: int, keep_seconds: float, short: bool
) -> Leaving:
    """Which of these, oldest first, go now.

    `kept_bytes` is all that the journal has on the disk, `short` a disk that is nearly full. Ticks that are neither
    in every store nor in Parquet never go: then the journal is larger than it should be, and somebody must look.
    """
    done: list[int] = []
    unread: list[int] = []
    for volume in volumes:
        if volume.done and (volume.age > keep_seconds or kept_bytes > keep_bytes or short):
            done.append(volume.first_seq)
            kept_bytes -= volume.bytes
    for volume in volumes:
        if volume.sealed and not volume.read and (volume.age > keep_seconds or kept_bytes > keep_bytes):
            unread.append(volume.first_seq)
            kept_bytes -= volume.bytes
    return Leaving(tuple(done), tuple(unread), kept_bytes > keep_bytes)
