"""The orders and holdings of one trader, a file of JSON that is replaced whole: a killed job leaves no half of it."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PLACED, REFUSED, HELD, SOLD = "placed", "refused", "held", "sold"


@dataclass
class Order:
    """One order, from the evening on which it is placed to its sale."""

    symbol: str
    quantity: int
    price: float
    state: str = PLACED
    sold_at: float | None = None


@dataclass
class Book:
    """All orders of the trader."""

    orders: list[Order] = field(default_factory=list)

    def of(self, state: str) -> list[Order]:
        """Those that stand there."""
        return [order for order in self.orders if order.state == state]

    @property
    def symbols(self) -> set[str]:
        """What is ordered or held: it is not bought twice, however often somebody runs the job."""
        return {order.symbol for order in self.orders if order.state != SOLD}


def file_of(folder: str) -> Path:
    """The book of the trader for whom the desk runs this job; the desk's own without one."""
    user = os.environ.get("TRADEWARDEN_USER", "")
    return Path(folder) / (f"book-{user}.json" if user else "book.json")


def read(file: Path) -> Book:
    """The book as it stands; an empty one before the first order."""
    if not file.exists():
        return Book()
    return Book([Order(**each) for each in json.loads(file.read_text(encoding="utf-8"))["orders"]])


def write(file: Path, book: Book) -> None:
    """Put it in the file's place at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(book), indent=2) + "\n", encoding="utf-8")
    fresh.replace(file)


@contextmanager
def opened(folder: str) -> Iterator[Book]:
    """The book, written back when the block ends well."""
    file = file_of(folder)
    book = read(file)
    yield book
    write(file, book)


def closes(bars: str) -> dict[str, float]:
    """The last close of each share."""
    with Path(bars).open(encoding="ascii", newline="") as lines:
        return {bar["symbol"]: float(bar["close"]) for bar in csv.DictReader(lines)}


def hand_back(**details: Any) -> None:
    """Say it in the log, and give it to the desk, which keeps it with the run's history."""
    print(", ".join(f"{value} {name}" for name, value in details.items()), flush=True)
    if name := os.environ.get("TRADEWARDEN_RESULT_FILE"):
        file = Path(name)
        before = file.read_text(encoding="utf-8") if file.exists() else ""  # of `tradewarden signals put`, perhaps
        file.write_text(json.dumps(json.loads(before or "{}") | details), encoding="utf-8")
