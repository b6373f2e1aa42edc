"""What a password may be: long enough to last, and the same however a keyboard composes it."""

from __future__ import annotations

import unicodedata
from typing import Final

SHORTEST: Final = 12
LONGEST: Final = 512  # characters; whoever sends more sends no password
_DIFFERENT: Final = 5
_OWN: Final = 6  # characters beside the words that everybody tries
_WORN: Final = ("password", "passwort", "tradewarden", "qwertyuiop", "letmein", "12345678")


def normal(password: str) -> str:
    """The same letters as the same text: an é of one keyboard is two characters on another."""
    return unicodedata.normalize("NFKC", password)


def why_not(password: str, name: str) -> str | None:
    """Why this cannot be the password of this person; nothing when it can."""
    text = normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        return (
            f"a password has {SHORTEST} to {LONGEST} characters; four words that belong to no sentence are a good one"
        )
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        return "a password has no control characters: no tab, no line break, nothing that cannot be typed again"
    if len(set(text)) < _DIFFERENT:
        return f"a password has at least {_DIFFERENT} different characters"
    rest = text.lower()
    for word in (name, *_WORN):
        rest = rest.replace(word, "")
    if len(rest) < _OWN:
        return "this is among the first that somebody would try: take words that nobody connects with you"
    return None
