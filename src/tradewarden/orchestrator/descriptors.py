"""How many files this process may have open, and how many those may that it starts."""

from __future__ import annotations

import resource
from typing import Final

USUAL: Final = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # as this process found it, before it takes more


def take_all() -> None:
    """A thousand descriptors, the usual soft limit, are few for a desk with many readers: take what the host allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    except (OSError, ValueError):
        return  # a sandbox forbids it: the desk runs with what it has
