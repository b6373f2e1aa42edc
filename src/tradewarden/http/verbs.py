"""A verb of the desk over HTTP: what it refuses, and what its answer is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from tradewarden.http.body import answer
from tradewarden.http.desk_port import Programs
from tradewarden.http.problems import ProblemError
from tradewarden.machines.service import Order, ServiceReport, ServiceState
from tradewarden.orchestrator.orders import RefusedError

NO_KEEPERS: Final = (
    "the keepers cannot be reached, so no program can be started: see `systemctl status tradewarden-keepers`, "
    "or run `tradewarden keepers` where there is no systemd"
)
_RUNS: Final = frozenset(
    {ServiceState.WAITING, ServiceState.STARTING, ServiceState.UP, ServiceState.BACKING_OFF, ServiceState.DONE}
)
_RESTS: Final = frozenset({ServiceState.DOWN, ServiceState.STOPPING, ServiceState.DONE, ServiceState.FAILED})
_ALREADY: Final[dict[str, Callable[[ServiceReport], bool]]] = {
    "start": lambda service: service.state in _RUNS,
    "stop": lambda service: service.state in _RESTS,
    "enable": lambda service: service.enabled,
    "disable": lambda service: not service.enabled,
}


def nobody(names: Iterable[str], programs: Programs, besides: Sequence[str] = ()) -> ProblemError | None:
    """The problem of a name that no service has, if there is one among these."""
    known = [*(service.name for service in programs.report().services), *besides]
    for name in names:
        if name not in known:
            there = f"known are {', '.join(known)}" if known else "none is configured"
            return ProblemError(404, "unknown-service", detail=f"no service is called {name[:64]!r}; {there}")
    return None


@contextmanager
def refusals(programs: Programs) -> Iterator[None]:
    """What the desk refuses becomes 409 with its reason, or 503 when the keepers are not there."""
    try:
        yield
    except RefusedError as refused:
        if not programs.report().keepers_reachable:
            raise _no_keepers() from None
        raise ProblemError(409, "refused", detail=str(refused)) from None


def needs_keepers(programs: Programs) -> None:
    """Raises the problem when no program can be started now."""
    if not programs.report().keepers_reachable:
        raise _no_keepers()


def _no_keepers() -> ProblemError:
    return ProblemError(503, "keepers-unreachable", detail=NO_KEEPERS, headers={"Retry-After": "5"})


def told(order: Order, programs: Programs, *, named: bool) -> web.Response:
    """202 when something was set going, 200 when all is so already, 409 with the reasons when nothing could be done."""
    document = {"verb": order.verb, "accepted": order.accepted, "left": dict(order.left), "text": order.text}
    if order.accepted:
        return answer(document, 202)
    if named and order.left and not _is_so(order, programs):
        reasons = "; ".join(f"{name}: {why}" for name, why in order.left.items())
        raise ProblemError(409, "refused", detail=reasons, left=dict(order.left))
    return answer(document)


def _is_so(order: Order, programs: Programs) -> bool:
    """Whether everything that was left alone is already as it was asked to be."""
    already = _ALREADY.get(order.verb)
    left = [service for service in programs.report().services if service.name in order.left]
    return already is not None and all(already(service) for service in left)
