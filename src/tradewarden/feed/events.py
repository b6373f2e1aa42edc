"""What a feed tells the desk: facts about one connection, each with the number of that connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tradewarden.feed.tick import Tick


class FeedEvents(Protocol):
    """Called on the event loop, at once, in the order of the wire; `gen` is the number that `run` was given."""

    def opened(self, gen: int) -> None:
        """The broker accepted the connection, and with it the token."""

    def frame(self, gen: int) -> None:
        """Something came, be it only a heartbeat: the line is alive."""

    def ticks(self, gen: int, ticks: list[Tick]) -> None:
        """Ticks came, at least one."""

    def text(self, gen: int, message: Mapping[str, Any]) -> None:
        """The broker said something in words: an order update, an error about a subscription."""

    def bad_frame(self, gen: int, kind: str) -> None:
        """A frame, or part of one, could not be used; told once a frame and kind. The connection stays."""

    def refused(self, gen: int, status: int) -> None:
        """The broker turned the token away at the door; nothing more comes of this connection."""

    def lost(self, gen: int, reason: str, detail: str) -> None:
        """The connection, or the attempt, ended for a reason that says nothing about the token.

        Reasons: network, server, rate_limited, configuration, tls, mute (open, but not one frame), closed (by the
        broker). The detail is for people and holds no address with a key in it.
        """
