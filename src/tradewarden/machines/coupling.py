"""What one machine's state means for another: the only place where they meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tradewarden.machines.auth import AuthToken
from tradewarden.machines.feed import FeedWatchdog


@dataclass(frozen=True, slots=True)
class Tell:
    """One fact that the feed's machine must hear next."""

    event: str
    facts: dict[str, Any] = field(default_factory=dict)


def tell_feed(auth: AuthToken, feed: FeedWatchdog, *, wanted: bool, now: int) -> Tell | None:
    """The next thing that the feed must hear about the market and the token; none when it knows everything.

    Call it after every change of either side until it has nothing more to say.
    """
    if not wanted or _is_disowned(auth, feed):
        return None if feed.leaf == "halted" else Tell("unwanted")
    token = auth.held
    usable = token is not None and auth.usable(now) and token.generation != feed.barred
    match feed.leaf:
        case "halted":
            return Tell("wanted", {"usable": usable, "token": token})
        case "connecting" | "stale" | "backing_off" if not usable:
            return Tell("auth_lost")
        case "blocked_on_auth" if usable:
            return Tell("auth_ready", {"token": token, "confirmed": auth.confirmed})
        case "backing_off" if token is not None and feed.is_newer(token):
            return Tell("auth_ready", {"token": token, "confirmed": auth.confirmed})
        case _:
            return None


def _is_disowned(auth: AuthToken, feed: FeedWatchdog) -> bool:
    """Whether the feed streams with a token that belongs to another account: the one case in which it is hung up."""
    return feed.has_socket and feed.token is not None and feed.token.generation == auth.disowned
