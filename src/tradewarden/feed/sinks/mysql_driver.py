"""asyncmy, imported without `cryptography`: 7 MB of the daemon's memory for logins that few servers ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from typing import Any

__all__ = ["Connection", "MySQLError", "asyncmy", "learn_all_logins"]


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """Make a package look as if it were not installed; one that is there already stays."""
    modules: dict[str, Any] = sys.modules
    hides = name not in modules
    if hides:
        modules[name] = None  # the import system's own way to say "no such module"
    try:
        yield
    finally:
        if hides:
            del modules[name]


with _hidden("cryptography"):
    import asyncmy
    from asyncmy.connection import Connection
    from asyncmy.errors import MySQLError


def learn_all_logins() -> bool:
    """After the driver said that it needs the package for a login: whether it can do more now than before."""
    auth: Any = import_module("asyncmy.auth")
    if auth._have_cryptography:  # noqa: SLF001 - its own word for it
        return False
    reload(auth)
    return bool(auth._have_cryptography)  # noqa: SLF001
