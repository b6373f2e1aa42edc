"""What a run of a job hands back: a file of its own, read once it has ended, and gone once that is on record."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from tradewarden.machines.job import kept_as
from tradewarden.machines.run import Run
from tradewarden.orchestrator.nesting import DEEPEST, is_too_deep

LARGEST: Final = 1 << 16  # bytes
_ENDING: Final = ".result"


def result_file(run_dir: Path, run: Run) -> Path:
    """Where a run hands back what it has to tell."""
    return run_dir / f"{kept_as(run.job, run.user)}.{run.id}{_ENDING}"


def prepare(file: Path, user: str | None) -> None:
    """An empty file that the run's own user alone can write, and the daemon read. A full disk leaves it away."""
    with suppress(OSError):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with suppress(OSError, KeyError):  # no such user, or no leave: whoever starts the program says that better
            os.fchmod(descriptor, 0o600)
            if user is not None:
                os.fchown(descriptor, pwd.getpwnam(user).pw_uid, os.getegid())
                os.fchmod(descriptor, 0o640)
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Back:
    """What a run wrote, or why nothing of that is kept."""

    told: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None

    @property
    def details(self) -> Mapping[str, Any]:
        """As it stands with the run."""
        return self.told if self.fault is None else {"unreadable": self.fault}

    def remark(self, file: Path) -> str | None:
        """What is said behind the run's reason; nothing when all is well."""
        if self.fault is None:
            return None
        return (
            f"its result file {file.name} was not kept, since {self.fault};"
            f" have it written as one JSON object of at most {LARGEST >> 10} KB and {DEEPEST} levels"
        )


def handed_back(file: Path) -> Back:
    """What the run wrote, or why that cannot be used; never raises, whatever stands in the file's place."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return Back()
    except OSError as trouble:
        return Back(fault="it is a link" if trouble.errno == errno.ELOOP else _why(trouble))
    try:
        text = os.read(descriptor, LARGEST + 1)
    except OSError as trouble:
        return Back(fault=_why(trouble))
    finally:
        os.close(descriptor)
    return _object(text)


def forget(file: Path) -> None:
    """Let it be gone; a directory in its place that holds something stays, and is in nobody's way."""
    with suppress(OSError):
        file.unlink(missing_ok=True)
    with suppress(OSError):
        file.rmdir()


def sweep(run_dir: Path, kept: Collection[int]) -> None:
    """Forget what runs other than these have left: they ended while nobody looked."""
    for file in run_dir.glob(f"[!.]*.*{_ENDING}"):
        number = file.name.removesuffix(_ENDING).rpartition(".")[2]
        if number.isascii() and number.isdecimal() and int(number) not in kept:
            forget(file)


def _object(text: bytes) -> Back:
    if not text.strip():
        return Back()
    if len(text) > LARGEST:
        return Back(fault=f"it is larger than {LARGEST >> 10} KB")
    try:
        told = orjson.loads(text)
    except ValueError as trouble:
        return Back(fault=f"it is no JSON: {trouble}")
    if is_too_deep(told):
        return Back(fault=f"it is nested deeper than {DEEPEST} levels")
    return Back(told) if isinstance(told, dict) else Back(fault="it is no JSON object")


def _why(trouble: OSError) -> str:
    return f"the system says of it: {trouble.strerror}"
