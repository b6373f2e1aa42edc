"""What a keeper waits for: words of its service, which are nearly all that ever comes, and everything else."""

from __future__ import annotations

import select
from _collections_abc import Callable

from tradewarden.orchestrator.keeping.life import Voice

GROWN = 0.3  # seconds after which a program's first figures say something
CLEARING = 0.01  # seconds between two looks at what has not ended yet
WITHHELD = 0.1  # seconds between two looks at what has ended in a debugger's hands

Heard = list[tuple[int, int]]  # descriptors, and what is with them


class Watch:
    """The one wait of a keeper, and the moment at which it looks around again."""

    def __init__(self, voice: Voice, take: Callable[[bytes], None], steady: Callable[[], float]) -> None:
        self.poll = select.poll()
        self.poll.register(voice.hearing, select.POLLIN)
        self._voice, self._take, self._steady = voice, take, steady
        self._words: Heard = [(voice.hearing, select.POLLIN)]
        self.tick_at = self._early_at = 0.0

    def tick_soon(self, at: float) -> None:
        """Look around at this moment."""
        self.tick_at = self._early_at = at

    def tick_next(self, now: float, every: float) -> None:
        """Look around at the next full step of the clock, or with the first word in the half step before.

        A service that speaks wakes its keeper only once for both. The steps are those of all keepers, so that what one
        of them has read is in the machine's caches for the others.
        """
        self.tick_at = every * ((now + every / 2) // every + 1)
        self._early_at = self.tick_at - every / 2

    def listen(self) -> Heard:
        """Hear what the service says, until it is time to look around, or anything else comes, which is returned.

        Every line comes this way, and finds the processor's caches cold: no step that need not be.
        """
        poll, steady, words = self.poll.poll, self._steady, self._words
        while (now := steady()) < self.tick_at:
            heard = poll(1000 * (self.tick_at - now) + 0.5)
            if heard != words:
                return heard
            self._voice.hear(self._take)
            if self._early_at <= steady():
                self.tick_at = self._early_at
        return []

    def wait(self, until: float, at_most: float) -> Heard:
        """Until anything comes, the words of the service among it, or until this moment, but not longer."""
        wait = max(0.0, until - self._steady())
        return self.poll.poll(1000 * min(wait, at_most) + (0.5 if wait else 0))
