"""The desk as a whole over HTTP: start, stop and restart by phases, the plan, a changed file, and down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from tradewarden.http.body import answer
from tradewarden.http.desk_port import Programs
from tradewarden.http.selection import flag, only, selection
from tradewarden.http.verbs import Permission, needs_keepers, refusals, told
from tradewarden.http.visitors import Visitors
from tradewarden.machines.service import Difference, Order, Selection


class DeskDoor:
    """/api/desk/…, for an admin."""

    def __init__(self, programs: Programs, *, public_url: str) -> None:
        self._programs, self._public_url = programs, public_url

    def routes(self, visitors: Visitors) -> list[web.RouteDef]:
        """A path for each verb, and the plan."""
        may, programs = Permission(visitors, self._public_url), self._programs

        async def plan(request: web.Request) -> web.Response:
            may.to_read(request)
            with refusals(programs):
                return answer({"phases": programs.plan()})

        async def start(request: web.Request) -> web.Response:
            by, which = may.to_act(request), await selection(request, programs)
            needs_keepers(programs)
            return self._done(lambda: programs.start(which, by=by), which)

        async def stop(request: web.Request) -> web.Response:
            by, which = may.to_act(request), await selection(request, programs, programs.report().strays)
            return self._done(lambda: programs.stop(which, by=by), which)

        async def restart(request: web.Request) -> web.Response:
            by, which = may.to_act(request), await selection(request, programs)
            return self._done(lambda: programs.restart(which, by=by), which)

        async def down(request: web.Request) -> web.Response:
            by, _ = may.to_act(request), await only(request)
            return self._done(lambda: programs.down(by=by), Selection(everything=True))

        async def reload(request: web.Request) -> web.Response:
            by, body = may.to_act(request), await only(request, "dry")
            with refusals(programs):
                difference = await programs.reload(dry=flag(body, "dry", default=False), by=by)
            return answer(difference_document(difference), 422 if difference.problems else 200)

        return [
            web.get("/api/desk/plan", plan),
            web.post("/api/desk/start", start),
            web.post("/api/desk/stop", stop),
            web.post("/api/desk/restart", restart),
            web.post("/api/desk/reload", reload),
            web.post("/api/desk/down", down),
        ]

    def _done(self, deed: Callable[[], Order], which: Selection) -> web.Response:
        with refusals(self._programs):
            return told(deed(), self._programs, named=bool(which.names))


def difference_document(difference: Difference) -> dict[str, Any]:
    """What a changed file changes."""
    return {
        "added": difference.added,
        "removed": difference.removed,
        "restarted": {name: list(what) for name, what in difference.restarted.items()},
        "kept": {name: list(what) for name, what in difference.kept.items()},
        "problems": difference.problems,
        "daemon": difference.daemon,
        "isEmpty": difference.is_empty,
    }
