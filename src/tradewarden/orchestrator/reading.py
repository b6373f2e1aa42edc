"""Reads the configuration's services once more, in a process that brings what is needed for that and takes it away."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Final

from tradewarden.machines.service import Service

MODULE: Final = "tradewarden.settings_read"
PATIENCE: Final = 20.0  # seconds; it takes one on a busy machine


class UnreadableError(Exception):
    """The configuration cannot be used; one sentence a problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


async def read_services(file: Path | None) -> tuple[Service, ...]:
    """The services as the configuration has them now. Raises UnreadableError."""
    # -P: the directory we were started in is no place for modules. Ours are found where this process finds them.
    modules = os.pathsep.join(path for path in sys.path if path)
    arguments = [] if file is None else [str(file)]
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", MODULE, *arguments, stdout=PIPE, env=os.environ | {"PYTHONPATH": modules}
        )
    except OSError as error:
        raise UnreadableError(f"no process can be started to read the configuration: {error.strerror}") from None
    try:
        async with asyncio.timeout(PATIENCE):
            said, _ = await child.communicate()
    except TimeoutError:
        raise UnreadableError(f"the configuration could not be read within {PATIENCE:g} s; try again") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode:
        raise UnreadableError(f"the process that reads the configuration broke off with status {child.returncode}")
    told = pickle.loads(said)  # noqa: S301 - our own child wrote it
    if isinstance(told, list):
        raise UnreadableError(*told)
    found: tuple[Service, ...] = told
    return found
