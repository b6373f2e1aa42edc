"""Everything that settings are made from, as it is at this moment; two that are alike make the same settings."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tradewarden import __version__
from tradewarden.settings_state import FILES, USUAL, beside, find, named_by_systemd

PREFIX: Final = "TRADEWARDEN_"
NO_SETTINGS: Final = frozenset(f"{PREFIX}{name}" for name in ("BOOT_ID", "KEEPER", "SERVICE", "STATUS_FILE"))
OTHERS: Final = ("CREDENTIALS_DIRECTORY", "HOME", "PATH", "STATE_DIRECTORY")  # that some value or check depends on
_STATE: Final = re.compile(rb"""^state_dir[ \t]*=[ \t]*(["'])([^"'\\\n]*)\1[ \t]*(?:#.*)?$""", re.MULTILINE)
_TABLE: Final = re.compile(rb"^[ \t]*\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Grounds:
    """The texts that an operator wrote, and a sign for these and all else."""

    texts: tuple[bytes, ...]
    digest: bytes
    state: Path  # where the state seems to lie; no more than a hint
    at: int = field(compare=False)  # nanoseconds of the wall clock: before anything was read


def grounds(config: Path | None) -> Grounds | None:
    """What there is now; nothing where that cannot be seen at a glance."""
    at = time.time_ns()
    try:
        file = config or find(FILES)
        text = b"" if file is None else file.read_bytes()
        texts = (text, *_variables(), *_credentials())
        state = _state(file, text)
        code = tuple(_code())
    except OSError:
        return None
    if state is None or any(b"\\" in each for each in texts):  # an escape: what stands there is not what it means
        return None
    rest = (__version__, sys.version, os.geteuid(), os.fspath(Path.cwd()), os.fspath(file or ""), code)
    sign = hashlib.sha256(repr((rest, texts)).encode())
    return Grounds(texts, sign.digest(), state, at)


def _variables() -> Iterator[bytes]:
    for name, value in sorted(os.environ.items()):
        if name in OTHERS or (name.upper().startswith(PREFIX) and name not in NO_SETTINGS):
            yield os.fsencode(f"{name}={value}")


def _credentials() -> Iterator[bytes]:
    named = os.environ.get("CREDENTIALS_DIRECTORY")
    for file in sorted(Path(named).iterdir()) if named else ():
        if file.is_file():
            yield os.fsencode(f"{file.name}=") + file.read_bytes()


def _state(file: Path | None, text: bytes) -> Path | None:
    if any(name.upper() == f"{PREFIX}STATE_DIR" for name in os.environ):
        return None
    table = _TABLE.search(text)
    head = text[: table.start()] if table else text
    if (found := _STATE.search(head)) is not None:
        return beside(file, Path(os.fsdecode(found[2])).expanduser())
    return None if b"state_dir" in head else named_by_systemd() or beside(file, USUAL)


def _code() -> Iterator[tuple[str, int, int]]:
    """The modules that read settings and whose values these are, so that no change of ours meets an older value."""
    here = Path(__file__).parent
    for folder in (here, here / "machines", here / "machines/calendars", here / "machines/rules"):
        for entry in sorted(os.scandir(folder), key=lambda each: each.name):
            if entry.name.endswith((".py", ".toml")):
                status = entry.stat()
                yield entry.name, status.st_mtime_ns, status.st_size
