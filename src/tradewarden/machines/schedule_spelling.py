"""What somebody meant who has misspelt a word of a schedule."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

_WORDS: Final = (
    "always and at hourly every once cron before after between open close pre-open from to"
    " succeeded failed ended today on in of with muhurat trading days all"
    " second seconds minute minutes hour hours mon tue wed thu fri sat sun"
)
_LONG: Final = "monday tuesday wednesday thursday friday saturday sunday"
_MEANT: Final[Mapping[str, str]] = (
    {word: word for word in _WORDS.split()}
    | {day: day[:3] for day in _LONG.split()}
    | {"day": "days", "weekdays": "mon, tue, wed, thu, fri", "weekends": "sat, sun"}
)
_ALIKE: Final = 0.65  # of 1: two letters of three in their order
_LONGER: Final = 3  # characters: holidays are no days
_MOST: Final = 20  # words that are looked at: a schedule has no more
_WORD: Final = re.compile(r"(?<![\w/:-])[A-Za-z][\w-]*(?![\w/:])", re.ASCII)


def nearest(word: str, known: Collection[str]) -> str | None:
    """The known word that this is nearly; none when it is like no other."""
    from difflib import get_close_matches  # noqa: PLC0415 - memory for what happens seldom

    alike = [each for each in known if abs(len(each) - len(word)) <= _LONGER]
    near = get_close_matches(word, alike, n=1, cutoff=_ALIKE)
    return near[0] if near else None


def meant(text: str, names: Collection[str], is_read: Callable[[str], bool]) -> str | None:
    """The schedule that was meant, in quotes, or only the words; none when what is strange is like nothing known."""
    known = dict(_MEANT) | {name.lower(): name for name in names}
    strange: dict[str, str] = {}
    for word in _WORD.findall(text)[:_MOST]:
        near = nearest(word.lower(), known)
        if near is not None and known[near] != word:
            strange[word] = known[near]
    whole = next(filter(is_read, _corrected(text, strange)), None)
    if whole is not None:
        return f'"{whole}"'
    return " and ".join(f"{near} instead of {word}" for word, near in strange.items()) or None


def _corrected(text: str, strange: Mapping[str, str]) -> Iterator[str]:
    """With one word put right each time, as the others may be names; then with all of them."""
    for word, near in strange.items():
        yield _with(text, {word: near})
    yield _with(text, strange)


def _with(text: str, others: Mapping[str, str]) -> str:
    return _WORD.sub(lambda found: others.get(found[0], found[0]), text)
