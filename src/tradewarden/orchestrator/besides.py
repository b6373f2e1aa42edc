"""What else is kept in the run directory besides the desk's programs: the jobs, as the desk sees them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # 8 ms that the start of programs need not wait for
    from tradewarden.machines.job import Job


class Besides(Protocol):
    """Whoever keeps the jobs over the same keepers."""

    def owns(self, name: str) -> bool:
        """Whether a keeper of this name is a job's."""
        ...

    def woken(self, names: Collection[str]) -> None:
        """Keepers of these names wrote something down."""
        ...

    def down(self, *, by: str) -> tuple[str, ...]:
        """End what runs, and begin nothing before somebody starts the desk; the names."""
        ...

    def up(self) -> None:
        """Somebody starts the desk."""
        ...

    def defined(self, jobs: Sequence[Job]) -> None:
        """A changed file has these."""
        ...

    def end(self) -> None:
        """Nothing more is done, and what runs runs on."""
        ...


class Nothing:
    """A desk without jobs, and one that has not begun with them."""

    def owns(self, _name: str) -> bool:
        """It owns nothing."""
        return False

    def woken(self, names: Collection[str]) -> None:
        """Nothing of these is its own."""

    def down(self, *, by: str) -> tuple[str, ...]:  # noqa: ARG002 - as the port has it
        """It runs nothing."""
        return ()

    def up(self) -> None:
        """It has nothing to begin."""

    def defined(self, jobs: Sequence[Job]) -> None:
        """It has none."""

    def end(self) -> None:
        """It does nothing."""
