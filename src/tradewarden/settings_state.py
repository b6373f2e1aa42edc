"""Where the state lies: in one place for one configuration, wherever a command is typed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tradewarden.settings import Settings
    from tradewarden.settings_sources import Sources

USUAL: Final = Path("var")
FILES: Final = (Path("tradewarden.toml"), Path("/etc/tradewarden/tradewarden.toml"))


def find(files: Iterable[Path]) -> Path | None:
    """The first file that is there; one that cannot be looked at is, so that it is refused and not passed over."""
    for file in files:
        try:
            file.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return file
        return file
    return None


def named_by_systemd() -> Path | None:
    """The unit's StateDirectory, if it has one."""
    named = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(named) if named else None


def state_directory(file: Path | None = None) -> Path:
    """Where a daemon keeps its state unless told: systemd's StateDirectory, else var beside the file, else ./var."""
    return named_by_systemd() or beside(file, USUAL)


def beside(file: Path | None, path: Path) -> Path:
    """The path, which begins where the configuration file lies if it is relative and there is a file."""
    return path if file is None else file.parent / path


def place(settings: Settings, file: Path | None, sources: Sources) -> None:
    """Let the paths of the file, and the default, begin where the file lies; a variable's begin where one stands."""

    def is_typed(*keys: str) -> bool:
        return sources.origin(keys).startswith("environment")

    if not is_typed("state_dir"):
        is_default = sources.origin(("state_dir",)) == "defaults"
        settings.state_dir = state_directory(file) if is_default else beside(file, settings.state_dir)
    desk = settings.desk
    if desk.run_dir is not None and not is_typed("desk", "run_dir"):
        desk.run_dir = beside(file, desk.run_dir)
    if desk.log_dir is not None and not is_typed("desk", "log_dir"):
        desk.log_dir = beside(file, desk.log_dir)
