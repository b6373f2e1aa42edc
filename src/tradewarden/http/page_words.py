"""What the page calls the states of login, feed and market, and the signs beside the words."""

from __future__ import annotations

from types import MappingProxyType

from tradewarden.machines.report import Severity

# What the machines' states are called on the page, and their sign when all is well or it passes by itself.
WORDS: MappingProxyType[str, MappingProxyType[str, str]] = MappingProxyType(
    {
        "auth": MappingProxyType(
            {
                "unknown": "Not known yet",
                "required": "Login required",
                "exchanging": "Logging in",
                "verifying": "Checking",
                "valid": "Logged in",
                "expiring": "Expires soon",
                "expired": "Expired",
            }
        ),
        "feed": MappingProxyType(
            {
                "halted": "Resting",
                "blocked_on_auth": "Waits for login",
                "connecting": "Connecting",
                "connected": "Connected, no tick yet",
                "streaming": "Streaming",
                "stale": "Silent",
                "backing_off": "Reconnecting",
            }
        ),
        "market": MappingProxyType(
            {
                "unknown": "No calendar",
                "closed": "Closed",
                "pre_open": "Pre-open",
                "live": "Live",
                "closing_auction": "Closing auction",
                "post_close": "Post-close",
                "halted": "Halted",
            }
        ),
    }
)
SIGNS: MappingProxyType[str, str] = MappingProxyType(
    {
        "exchanging": "…",
        "verifying": "…",
        "connecting": "…",
        "connected": "…",
        "backing_off": "↻",
        "halted": "○",
        "closed": "■",
        "post_close": "■",
        "pre_open": "◐",
        "closing_auction": "◐",
        "live": "●",
    }
)
ACTS: MappingProxyType[str, str] = MappingProxyType(
    {
        "login": "Act now",  # critical, and a person can help
        Severity.CRITICAL: "Not working",
        Severity.WARNING: "Worth a look",
        Severity.OK: "All well",
    }
)
