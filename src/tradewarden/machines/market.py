"""Where one market segment stands in its day: a follower of its calendar."""

from __future__ import annotations

from typing import Any

from statemachine import State

from tradewarden.machines.calendar import Moment
from tradewarden.machines.statechart import Machine


class MarketSession(Machine):
    """One segment's session. Every state reaches every other in one step, because the clock may jump.

    It has no deadline of its own and asks for nothing; neither the token nor the feed ever touches it.
    """

    unknown = State(initial=True)
    closed = State()
    pre_open = State()
    live = State()
    closing_auction = State()
    post_close = State()
    halted = State()

    to_unknown = unknown.from_(closed, pre_open, live, closing_auction, post_close, halted)
    to_closed = closed.from_(unknown, pre_open, live, closing_auction, post_close, halted)
    to_pre_open = pre_open.from_(unknown, closed, live, closing_auction, post_close, halted)
    to_live = live.from_(unknown, closed, pre_open, closing_auction, post_close, halted)
    to_closing_auction = closing_auction.from_(unknown, closed, pre_open, live, post_close, halted)
    to_post_close = post_close.from_(unknown, closed, pre_open, live, closing_auction, halted)
    to_halted = halted.from_(unknown, closed, pre_open, live, closing_auction, post_close)

    def __init__(self, segment: str) -> None:
        self.segment = segment
        self.moment: Moment | None = None
        super().__init__()

    def sync(self, moment: Moment, *, now: int) -> list[Any]:
        """Follow the calendar; the phase, the session and the reason stand beside the state as facts."""
        self.moment = moment
        self.reason = moment.reason
        return [] if moment.state == self.leaf else self.fire(f"to_{moment.state}", now=now)
