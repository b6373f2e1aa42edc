"""What each headline code means and what to do, for the page that explains the health answer."""

from __future__ import annotations

from types import MappingProxyType

CODES: MappingProxyType[str, str] = MappingProxyType(
    {
        "system.stopping": "The daemon is shutting down. Fails until it is back.",
        "system.stale": "The daemon's own heartbeat has stopped, so nothing shown can be trusted. Restart it.",
        "auth.required": "A person must log in to the broker. Fails while the desk has work, warns otherwise.",
        "auth.configuration": "The broker refuses the api key or secret. Correct them, then log in.",
        "auth.exchanging": "A login has come back and is being turned into a session. Passes by itself within 15 s.",
        "auth.checking": "The broker is being asked about a token for the first time. Passes by itself within 30 s.",
        "auth.unverified": "The broker cannot be reached to check the token. The token is kept. Fails without ticks.",
        "auth.expiring": "The session ends soon. Log in again when it suits you.",
        "auth.account": "Another account of the desk needs a login. The feed does not depend on it.",
        "feed.connecting": "The feed is being connected. Fails when it was down before and data is due.",
        "feed.stale": "The socket is open but no ticks come although data is due.",
        "feed.backing_off": "The connection was lost. It is tried again for ever, with pauses that grow to 30 s.",
        "feed.blocked_on_auth": "The feed waits until the token's state is clear, or for a correct api key.",
        "feed.unexpected": "The feed runs when it should not, or does not when it should: a fault of tradewarden.",
        "journal.failed": "Ticks cannot be recorded.",
        "services.failed": "A critical service of the desk is down.",
        "sinks.behind": "A store is late, away or in need of a person. Nothing is lost: the journal has it.",
        "calendar.conflict": "Ticks and calendar disagree: a session or a holiday that it does not know?",
        "market.unknown": "The calendar does not reach to this day. The feed runs in the default hours.",
        "market.pre_open": "All well; the market is about to open.",
        "market.live": "All well; the market is open and ticks flow.",
        "market.closing_auction": "All well; the closing auction is on.",
        "market.post_close": "All well; the market is in its post-close session.",
        "market.closed": "All well; the market is closed. That is no fault.",
        "market.halted": "All well with us; trading is halted.",
    }
)
