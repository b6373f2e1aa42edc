"""The accounts of a desk, by name."""

from __future__ import annotations

from typing import Final

FEEDING: Final = "kite"  # the account whose token the feed streams with: the first one
