"""How a service hangs on its keeper: whether one lives, and what it was told last."""

from __future__ import annotations

from tradewarden.machines.deed import KILL, Command, Deed, Fence, Keep, stop
from tradewarden.machines.kept import Happening, OutputLost, Started
from tradewarden.machines.service import Service


class Leash:
    """One service's keeper, as far as its daemon knows; every deed waits in `deeds` until it is fetched."""

    leaving: bool  # it was told to stop and to leave
    again: bool  # it makes room for the next one
    _policy: str | None  # until when it may start the service by itself, as it was told last

    def __init__(self, service: Service) -> None:
        self.service = service
        self.deeds: list[Deed] = []
        self.held = False  # a keeper lives
        self.asked = False  # one was asked for and has not been seen yet
        self._former: int | None = None  # the keeper that was there last and is gone
        self.again = False
        self.unheard()

    def start(self, until: float | None) -> None:
        """Have the service started; a second keeper is never asked for while one is there or on its way."""
        self.leaving = self.again = False
        if self.held:
            self.tell_policy(until)
            self.deeds.append(Command("start"))
        elif not self.asked:
            self.asked, self._policy = True, _policy(until)
            self.deeds.append(Keep())

    def fence(self) -> None:
        """Have what outlived the last keeper ended by one that starts nothing."""
        self.asked = True
        self.deeds.append(Fence())

    def stop(self) -> None:
        """Have it stopped, once; its keeper leaves."""
        self.again = False
        if self.held and not self.leaving:
            self.leaving = True
            self.deeds.append(stop(self.service))

    def renew(self) -> None:
        """Have it stopped, and its keeper make room for one that is told all anew: a keeper keeps its first word."""
        self.stop()
        self.again = True

    def kill(self) -> None:
        """Have it killed with everything it started."""
        self.leaving, self.again = True, False
        self.deeds.append(Command(KILL))

    def unheard(self) -> None:
        """The last lines did not reach it: none of them counts."""
        self.leaving = False
        self._policy = None

    def tell_policy(self, until: float | None) -> None:
        """Until when it may start the service by itself; told when it is news, and not to one that leaves."""
        policy = _policy(until)
        if self.held and not self.leaving and policy != self._policy:
            self._policy = policy
            self.deeds.append(Command(f"policy {policy}"))

    def seen(self) -> None:
        """The keeper lives."""
        self.held, self.asked = True, False

    def lost(self, former: int | None) -> None:
        """The keeper is gone; the next one knows nothing of what this one was told."""
        self.held = self.asked = self.again = False
        self._former = former
        self.unheard()

    def is_history(self, happening: Happening) -> bool:
        """Whether this was written by a keeper that is gone, and was read after that was known."""
        return happening.keeper == self._former and not self.held and not isinstance(happening, Started | OutputLost)


def _policy(until: float | None) -> str:
    """A permission in the keeper's words."""
    if until is None:
        return "always"
    return f"until={until:.0f}" if until else "never"
