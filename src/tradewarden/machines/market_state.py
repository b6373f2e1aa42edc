"""What state a segment of the market can be in, and how much data each makes due."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

STATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "closed": "none",
        "pre_open": "sparse",
        "live": "dense",
        "closing_auction": "sparse",
        "post_close": "sparse",
        "halted": "none",
    }
)
