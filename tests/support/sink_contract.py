"""What the contract of sinks needs of a store: a file of tests/contract/sinks/ each, with a FACTORY in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Protocol

from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.sink import Sink
from tradewarden.feed.tick import FullTick

FOLDER = Path(__file__).parents[1] / "contract" / "sinks"
BEGAN = 1_795_578_300  # 2026-11-23 09:15 IST


class Store(Protocol):
    """One store of a test: real, started by the test on loopback, ended with it."""

    def sink(self) -> Sink:
        """A fresh sink to this store, not opened; several are made, one after the other."""
        ...

    def misfit(self) -> tuple[Sink, str]:
        """A sink that does not fit the store (a wrong password, a newer table), and a word its sentence must have."""
        ...

    async def kept(self) -> list[int]:
        """The numbers of all records that the store has, as the store itself tells; one that is there twice, twice.

        A store that keeps nothing says what reached its subscriber.
        """
        ...

    async def marked(self) -> list[int]:
        """The numbers of the records that the store has with a mark."""
        ...

    async def kill(self) -> None:
        """SIGKILL to the server; for a store without one, to nobody."""
        ...

    async def revive(self) -> None:
        """Start the server again, with what it had kept."""
        ...


@dataclass(frozen=True, slots=True)
class Traits:
    """What of the contract a store cannot be asked for; its page under docs/sinks/ says why."""

    keeps: bool = True  # false: it only passes on (ZeroMQ), position() is None and nobody can be told twice
    killable: bool = True  # it has a server
    marks: bool = True  # a mark has a place there
    refuses: Callable[[int], Frame] | None = None  # makes a frame of three, first number given, whose second it refuses


@dataclass(frozen=True, slots=True)
class Factory:
    """One store of the suite."""

    name: str
    traits: Traits
    store: Callable[[Path, Names], AbstractAsyncContextManager[Store]]


def factories() -> Iterator[Factory]:
    """Every store that has a file there; a new file is enough."""
    for file in sorted(FOLDER.glob("*.py")):
        spec = spec_from_file_location(f"sink_contract_of_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.FACTORY


def frames(first: int, count: int, *, each: int = 50, instruments: int = 7, marks: int = 0) -> list[Frame]:
    """Made-up frames with these numbers: every instrument in turn, a tick each 10 ms, volume growing."""
    return [
        _frame(seq, min(each, first + count - seq), instruments, marks) for seq in range(first, first + count, each)
    ]


def _frame(first: int, count: int, instruments: int, marks: int) -> Frame:
    records = b"".join(_record(seq, instruments, marks) for seq in range(first, first + count))
    received = BEGAN * 1000 + (first - (first - 1) % 50) * 10  # of a record, however its frame was cut since
    return Frame(first, count, received * 1_000_000, records)


def _record(seq: int, instruments: int, marks: int) -> bytes:
    price = 150_000 + seq * 7 % 400
    tick = FullTick(
        256 * (1000 + seq % instruments) + 1,
        price,
        exchange_ts=BEGAN + seq // 100,
        last_trade_ts=BEGAN + seq // 100,
        last_quantity=1 + seq % 9,
        volume=seq * 3,
        open_raw=150_000,
        high_raw=150_400,
        low_raw=149_900,
        close_raw=149_950,
        oi=seq % 1000,
    )
    return pack(tick, marks)


def count_of(some: Sequence[Frame]) -> int:
    """How many records."""
    return sum(frame.count for frame in some)
