"""An audit: whether a store has what the journal has, record by record, and what is missing, double or different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MOST_NAMED: Final = 20  # stretches of one kind that are named; the others are counted


class Fingerprint(NamedTuple):
    """What of a record is compared; None where a store does not keep it."""

    instrument: int
    received_ns: int | None
    last_price: int | None
    volume: int | None

    def agrees(self, other: Fingerprint) -> bool:
        """Whether both say the same, as far as both say it."""
        return all(ours is None or theirs is None or ours == theirs for ours, theirs in zip(self, other, strict=True))


class Stretch(NamedTuple):
    """Numbers without a gap between them."""

    first_seq: int
    last_seq: int

    @property
    def length(self) -> int:
        """How many numbers it has."""
        return self.last_seq - self.first_seq + 1


@dataclass(slots=True)
class Audit:
    """What was found so far; fed in portions, oldest first."""

    store: str
    compared: int = 0  # records of the journal that the store should have
    waiting: int = 0  # behind the store's position: on their way, or late
    late: int = 0  # of those, longer on their way than the store may take
    let_go: int = 0  # older than what the store keeps
    set_aside: int = 0  # refused by the store for good, and kept beside it with the reason
    missing: list[Stretch] = field(default_factory=list)
    double: list[Stretch] = field(default_factory=list)
    different: list[Stretch] = field(default_factory=list)
    foreign: list[Stretch] = field(default_factory=list)  # in the store, not in the journal
    counts: Counter[str] = field(default_factory=Counter)  # numbers of each kind of trouble, the unnamed ones too
    note: str | None = None  # what could not be compared, and why

    @property
    def agrees(self) -> bool:
        """Whether the store has all that it should have, once, as it came, in time."""
        return not self.counts and not self.late

    def compare(
        self, ours: Mapping[int, Fingerprint], theirs: Iterable[tuple[int, Fingerprint]], excused: Iterable[int] = ()
    ) -> None:
        """One portion: what the journal has under its numbers, what the store has, what was set aside."""
        found: dict[int, Fingerprint] = {}
        trouble: dict[str, set[int]] = {"missing": set(), "double": set(), "different": set(), "foreign": set()}
        for seq, told in theirs:
            if seq in found:
                trouble["double"].add(seq)
            elif seq not in ours:
                trouble["foreign"].add(seq)
            elif not told.agrees(ours[seq]):
                trouble["different"].add(seq)
            found[seq] = told
        absent = ours.keys() - found.keys()
        aside = absent & set(excused)
        self.set_aside += len(aside)
        trouble["missing"] = absent - aside
        self.compared += len(ours)
        for kind, seqs in trouble.items():
            self._note(kind, seqs)

    def _note(self, kind: str, seqs: set[int]) -> None:
        if not seqs:
            return
        self.counts[kind] += len(seqs)
        named: list[Stretch] = getattr(self, kind)
        for stretch in stretches(seqs):
            if named and named[-1].last_seq + 1 == stretch.first_seq:
                named[-1] = Stretch(named[-1].first_seq, stretch.last_seq)
            elif len(named) < MOST_NAMED:
                named.append(stretch)


def stretches(seqs: Iterable[int]) -> list[Stretch]:
    """These numbers as stretches, in order."""
    found: list[Stretch] = []
    for seq in sorted(seqs):
        if found and found[-1].last_seq + 1 == seq:
            found[-1] = Stretch(found[-1].first_seq, seq)
        else:
            found.append(Stretch(seq, seq))
    return found
