"""What `tradewarden check` finds about `[people.NAME]`: a table of somebody whom the desk does not know."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from tradewarden.check_command import Finding, warning
from tradewarden.machines.role import Role

if TYPE_CHECKING:
    from tradewarden.settings import Settings


def about_people(settings: Settings) -> Iterator[Finding]:
    """Which tables give something to nobody; nothing as long as the ledger is not there or cannot be read."""
    roles = _roles(settings.state_dir / "ledger.db") if settings.people else None
    if roles is None:
        return
    for name in settings.people:
        match roles.get(name):
            case None:
                yield warning(
                    f"people.{name}: nobody is called {name} here: `tradewarden user add {name} --role trader`, "
                    "or correct the name."
                )
            case Role.TRADER:
                pass
            case role:
                yield warning(f"people.{name}: only traders have jobs of their own, and {name} has the role {role}.")


def _roles(ledger: Path) -> Mapping[str, str] | None:
    """Everybody's role by name, read beside whoever writes there."""
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True, timeout=1)) as file:
            return dict(file.execute("SELECT name, role FROM users"))
    except sqlite3.Error:
        return None  # never started, of an older version, or another user's: `check` is about the settings
