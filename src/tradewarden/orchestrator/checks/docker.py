"""Is docker there, with its compose, and does its daemon answer?"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final, Self

from tradewarden.orchestrator.checks.check import Subject, Verdict

PATIENCE: Final = 10.0  # seconds; docker's own client takes some when its daemon is away
_QUESTIONS: Final = {
    ("compose", "version"): "install docker's compose plugin",
    ("version", "--format", "{{.Server.Version}}"): "start the docker daemon, and let this user use it",
}


class DockerCheck:
    """`docker compose version`, then the version of the daemon behind it."""

    def __init__(self, program: str = "docker", patience: float = PATIENCE) -> None:
        self._program, self._patience = program, patience

    @classmethod
    def of(cls, subject: Subject) -> Self:
        """For any service: there is one docker."""
        del subject
        return cls()

    async def ask(self) -> Verdict:
        """Whether a group of containers can be started here."""
        told: list[str] = []
        for question, advice in _QUESTIONS.items():
            asked = " ".join((self._program, *question[:2])).removesuffix(" --format")
            try:
                code, said = await self._run(question)
            except TimeoutError:
                return Verdict(good=False, text=f"`{asked}` gave no answer within {self._patience:g} s: is it stuck?")
            except OSError as trouble:
                text = f"{self._program} cannot be run ({trouble.strerror}): install docker and its compose plugin"
                return Verdict(good=False, text=text)
            if code:
                return Verdict(good=False, text=f"`{asked}` fails ({said or f'code {code}'}): {advice}")
            told.append(said)
        return Verdict(good=True, text=f"docker {told[1]} answers ({told[0]})")

    async def _run(self, question: tuple[str, ...]) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            self._program,
            *question,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(self._patience):
                said, _ = await process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise
        lines = said.decode(errors="replace").strip().splitlines()
        return process.returncode or 0, lines[0][:200].rstrip(".") if lines else ""
