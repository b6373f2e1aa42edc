"""A backup over HTTP: what `tradewarden backup` writes, for an admin on another machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from aiohttp import web

from tradewarden.http.body import asked
from tradewarden.http.member import Member
from tradewarden.http.problems import ProblemError, rate_limited
from tradewarden.http.visitors import Visitors
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.shelf import SHORT

CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class BackupQuery:
    """How much is wanted."""

    ticks: Annotated[bool, Member("allowed is true or false: with the recorded days")] = False


class Backups:
    """POST /api/backup[?ticks=true]: the backup as a tar file; restoring is done at the machine itself."""

    def __init__(self, state: Path, clock: Clock) -> None:
        self._state, self._clock = state, clock
        self._turn = asyncio.Lock()

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """Its one path."""

        async def post(request: web.Request) -> web.StreamResponse:
            ticks = asked(request, BackupQuery).ticks
            if self._turn.locked():  # each one is as large as the journal, and lies beside it
                raise rate_limited(2)
            async with self._turn:
                return await self._send(request, ticks=ticks)

        return [web.post("/api/backup", post)]

    async def _send(self, request: web.Request, *, ticks: bool) -> web.StreamResponse:
        # tar files are rare, and what makes them is 1 MB of memory
        from tradewarden.orchestrator.backup import BackupError, size_of, write_backup  # noqa: PLC0415

        now = self._clock.now()
        needed, disk = await asyncio.to_thread(size_of, self._state, ticks=ticks), shutil.disk_usage(self._state)
        if needed > disk.free - disk.total * SHORT:
            detail = (
                f"it takes {needed / 1e6:,.0f} MB, and the disk of {self._state} has {disk.free / 1e6:,.0f} MB free, of"
                " which the journal needs some: run `tradewarden backup` on the machine, into another disk."
            )
            raise ProblemError(507, "backup-failed", detail=detail)
        with tempfile.TemporaryFile(dir=self._state) as file:
            try:
                await asyncio.to_thread(write_backup, self._state, file, now, ticks=ticks)
            except (BackupError, OSError) as trouble:
                raise ProblemError(507, "backup-failed", detail=str(trouble)) from None
            name = f"tradewarden-{now:%Y%m%dT%H%M%S}.tar"
            headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
            response = web.StreamResponse(headers=headers)
            response.content_type = "application/x-tar"
            response.content_length = file.tell()
            file.seek(0)
            await response.prepare(request)
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                await response.write(chunk)
            await response.write_eof()
            return response
