"""The desk as a whole over HTTP: start, stop and restart by phases, the plan, a changed file, and down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from aiohttp import web

from tradewarden.http.body import Nothing, answer, taken
from tradewarden.http.desk_port import Programs
from tradewarden.http.member import Member
from tradewarden.http.selection import selection
from tradewarden.http.verbs import needs_keepers, refusals, told
from tradewarden.http.visitors import Visitors, who
from tradewarden.machines.service import Difference, Order, Selection


@dataclass(frozen=True, slots=True)
class Reload:
    """Whether it is done, or only told."""

    dry: Annotated[bool, Member("true or false is expected; true only tells")] = False


class DeskDoor:
    """/api/desk/…, for an admin."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs

    def routes(self, _visitors: Visitors) -> list[web.RouteDef]:
        """A path for each verb, and the plan."""
        programs = self._programs

        async def plan(_request: web.Request) -> web.Response:
            with refusals(programs):
                return answer({"phases": programs.plan()})

        async def start(request: web.Request) -> web.Response:
            by, which = who(request).by, await selection(request, programs)
            needs_keepers(programs)
            return self._done(lambda: programs.start(which, by=by), which)

        async def stop(request: web.Request) -> web.Response:
            by, which = who(request).by, await selection(request, programs, programs.report().strays)
            return self._done(lambda: programs.stop(which, by=by), which)

        async def restart(request: web.Request) -> web.Response:
            by, which = who(request).by, await selection(request, programs)
            return self._done(lambda: programs.restart(which, by=by), which)

        async def down(request: web.Request) -> web.Response:
            by, _ = who(request).by, await taken(request, Nothing)
            return self._done(lambda: programs.down(by=by), Selection(everything=True))

        async def reload(request: web.Request) -> web.Response:
            by, dry = who(request).by, (await taken(request, Reload)).dry
            with refusals(programs):
                difference = await programs.reload(dry=dry, by=by)
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
