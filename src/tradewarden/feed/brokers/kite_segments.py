"""Whose instrument a Kite token names: its low byte is the segment of the exchange."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

INDICES: Final = 9

# The desk's segments that such a token may belong to. A token does not tell a share with derivatives from one without,
# nor gold from cardamom; of exchanges that no calendar knows there is none.
SEGMENTS: Final[Mapping[int, tuple[str, ...]]] = MappingProxyType(
    {
        1: ("NSE_EQ", "NSE_EQ_NOFO"),
        2: ("NFO",),
        3: ("CDS",),
        4: ("BSE_EQ",),
        5: ("BFO",),
        6: ("CDS",),  # the currencies of the BSE, which keep the same hours
        7: ("MCX", "MCX_AGRI_INTL", "MCX_AGRI"),
        INDICES: ("NSE_EQ", "NSE_EQ_NOFO", "BSE_EQ"),
    }
)

# The same by the name that an exchange has in the broker's dump.
EXCHANGES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {name: SEGMENTS[group] for group, name in enumerate(("NSE", "NFO", "CDS", "BSE", "BFO", "BCD", "MCX"), 1)}
)


def group_of(token: int) -> int:
    """What of a token says to which exchange it belongs."""
    return token & 0xFF


def segments_of(group: int, desk: tuple[str, ...]) -> tuple[str, ...]:
    """The desk's segments that these instruments may belong to; all of them when nobody can tell."""
    return tuple(segment for segment in SEGMENTS.get(group, ()) if segment in desk) or desk
