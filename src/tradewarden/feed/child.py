"""A module of ours that runs in a process of its own for a moment, because of what it loads or of what it might do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

LAST: Final = 5.0  # seconds until a killed process must be gone
INHERITED: Final = ("LD_LIBRARY_PATH", "PATH", "LANG")  # nothing else is its business, secrets least of all

log = structlog.get_logger()


class ChildError(Exception):
    """The process could not be started, or did not end in time; the text says which."""

    def __init__(self, text: str, *, is_late: bool = False) -> None:
        super().__init__(text)
        self.is_late = is_late


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended and what it said."""

    status: int
    said: bytes
    complained: bytes


async def ask(module: str, request: Mapping[str, Any], patience: float) -> Ended:
    """Run `module` with this request as JSON on its input; it is killed when the time is over or nobody waits."""
    # -P: the directory we were started in is no place for modules. Ours are found where this process finds them.
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", module, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=_environment()
        )
    except OSError as error:
        raise ChildError(f"{sys.executable} could not be started: {error.strerror}") from None
    try:
        async with asyncio.timeout(patience):
            said, complained = await child.communicate(json.dumps(request).encode())
    except TimeoutError:
        raise ChildError(f"it did not end within {patience:g} s", is_late=True) from None
    finally:
        await _end(child)
    return Ended(child.returncode or 0, said, complained)


def _environment() -> dict[str, str]:
    modules = os.pathsep.join(path for path in sys.path if path)
    return {name: os.environ[name] for name in INHERITED if name in os.environ} | {"PYTHONPATH": modules}


async def _end(child: Process) -> None:
    """Kill it unless it has gone by itself, and see it gone if it goes soon."""
    if child.returncode is None:
        child.kill()
        try:
            async with asyncio.timeout(LAST):
                await child.wait()
        except TimeoutError:  # a process that hangs in the kernel; the loop reaps it
            log.warning("child.not_gone", pid=child.pid, after=LAST)
