"""Which of the errors that other programs see speak of the broker's token, and of nothing else."""

from __future__ import annotations

import re

KITE = "TokenException"
DHAN = frozenset({"807", "808", "809"})  # expired, not authenticated, invalid

# Kite says TokenException of a login's checksum and of a request token, too; an instrument token is no token at all.
_OF_SOMETHING_ELSE = re.compile(r"checksum|request[ _]?token|instrument[ _]?token", re.IGNORECASE)


def is_token_error(kind: str, message: str) -> bool:
    """Whether a broker's error, by its type and words, says that the access token is dead."""
    return (kind == KITE or kind in DHAN) and _OF_SOMETHING_ELSE.search(message) is None
