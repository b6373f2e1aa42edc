"""What one method of one path is for: what it takes, what it answers, and how somebody tries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

JSON = "application/json"
LEDGER: Final = MappingProxyType({503: "the ledger takes or tells nothing now: `Retry-After` says when to ask again"})


@dataclass(frozen=True, slots=True)
class Told:
    """One of the answers: when it is given, of which model it is, and as what it is sent; no kind is no body."""

    says: str
    model: Any = None
    kind: str = JSON
    also: tuple[str, ...] = ()  # other kinds, for who asks for them


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """For the document of the API and the page made of it; the daemon itself holds none."""

    says: str  # one sentence
    more: str = ""
    answers: Mapping[int, Told]
    refusals: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))  # problems of its own, and why
    query: type[Any] | None = None
    body: type[Any] | None = None
    example: Any = None  # a body
    asks: str = ""  # the example's query, or a path with its names filled in


def ok(says: str, model: Any = None, kind: str = JSON) -> Mapping[int, Told]:
    """The usual case: one answer, 200."""
    return {200: Told(says, model, kind)}
