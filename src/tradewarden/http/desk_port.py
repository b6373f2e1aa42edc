"""What the HTTP side needs of the desk's programs: how they do, the verbs, and the news of their changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tradewarden.machines.service import DeskReport, Difference, Order, Selection, ServiceReport

News = Callable[[ServiceReport | DeskReport], None]


class Programs(Protocol):
    """Whoever keeps the desk's programs; each verb sets the work going, answers at once and may raise RefusedError."""

    def report(self) -> DeskReport:
        """How they do at this moment."""
        ...

    def plan(self) -> tuple[tuple[str, ...], ...]:
        """The phases of a start, in their order."""
        ...

    def start(self, which: Selection, *, by: str) -> Order:
        """Start services, with what they need."""
        ...

    def stop(self, which: Selection, *, by: str) -> Order:
        """Stop services, the last phase first."""
        ...

    def restart(self, which: Selection, *, by: str) -> Order:
        """End and start services anew."""
        ...

    def enable(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Let services belong to the desk, or not."""
        ...

    def auto_restart(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Whether services that end are started again by themselves."""
        ...

    async def reload(self, *, dry: bool, by: str) -> Difference:
        """Read the file again and do what changed in it; `dry` only tells."""
        ...

    def down(self, *, by: str) -> Order:
        """Stop everything deliberately."""
        ...

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a state."""
        ...
