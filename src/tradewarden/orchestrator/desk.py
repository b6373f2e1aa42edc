"""The desk's programs all together: started in phases, looked at each second, stopped in reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tradewarden.machines.service import DeskReport, Difference, Order, Selection, ServiceReport

News = Callable[[ServiceReport | DeskReport], None]


class RefusedError(Exception):
    """A verb that cannot be done; the text says why and what can."""


class DeskDriver:
    """What people and programs may ask of the desk's programs; verbs set the work going and answer at once."""

    def report(self) -> DeskReport:
        """How the desk does at this moment."""
        raise NotImplementedError

    def plan(self) -> tuple[tuple[str, ...], ...]:
        """The phases of a start, in their order."""
        raise NotImplementedError

    def start(self, which: Selection, *, by: str) -> Order:
        """Start services, with what they need. Raises RefusedError for names and tiers that are not known."""
        raise NotImplementedError

    def stop(self, which: Selection, *, by: str) -> Order:
        """Stop services, after what needs them; it lasts until somebody starts them. Raises RefusedError."""
        raise NotImplementedError

    def restart(self, which: Selection, *, by: str) -> Order:
        """End and start services anew. Raises RefusedError."""
        raise NotImplementedError

    def enable(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Let services belong to the desk, or not; one that is disabled is stopped. Raises RefusedError."""
        raise NotImplementedError

    def auto_restart(self, names: Sequence[str], *, on: bool, by: str) -> Order:
        """Whether services that end are started again by themselves. Raises RefusedError."""
        raise NotImplementedError

    async def reload(self, *, dry: bool, by: str) -> Difference:
        """Read the file again and do what changed in it; `dry` only tells. Faults of the file change nothing."""
        raise NotImplementedError

    def down(self, *, by: str) -> Order:
        """Stop everything deliberately, whatever runs here under a keeper."""
        raise NotImplementedError

    def subscribe(self, callback: News) -> None:
        """Call back with each change of a state."""
        raise NotImplementedError
