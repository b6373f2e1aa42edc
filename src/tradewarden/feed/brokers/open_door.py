"""The broker's side of a desk that lives off another desk's bus: there is no account, and nobody logs in."""

from __future__ import annotations

from typing import NoReturn

from tradewarden.feed.brokers.kite_rest import BrokerRefused, Probe, Verdict


class OpenDoor:
    """Answers what a broker is asked about logins; whether ticks come is the feed's own business."""

    async def exchange(self, request_token: str) -> NoReturn:  # noqa: ARG002 - whatever it is
        """There is nothing to exchange. Raises BrokerRefused."""
        raise BrokerRefused("configuration", "This desk takes its ticks from a bus (feed.source): it needs no login.")

    async def probe(self, access_token: str) -> Probe:  # noqa: ARG002 - there is only one
        """It is good: a bus asks for no token."""
        return Probe(Verdict.GOOD, "a bus asks for no token")

    async def invalidate(self, access_token: str) -> None:
        """There is nothing to end."""
