"""Which services a verb is meant for, as a request says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from tradewarden.http.body import fault, json_object, refuse, unknown
from tradewarden.http.desk_port import Programs
from tradewarden.http.verbs import nobody
from tradewarden.machines.service import Selection, Tier

_KEYS: Final = ("names", "all", "tier", "without")
_NOTHING_CHOSEN: Final = 'say which: "names", "all": true, "tier", or "without" a tier'


async def selection(request: web.Request, programs: Programs, besides: Sequence[str] = ()) -> Selection:
    """The services that are meant. Raises the problem of a body that names none, or one that is not known.

    `besides`: names that are known though no service has them.
    """
    body = await only(request, *_KEYS)
    which = Selection(
        names=_words(body, "names"),
        everything=flag(body, "all", default=False),
        tiers=_tiers(body, "tier"),
        without=_tiers(body, "without"),
    )
    if which == Selection():
        refuse([{"detail": _NOTHING_CHOSEN}])
    if (problem := nobody([name for name in which.names if name not in besides], programs)) is not None:
        raise problem
    return which


async def only(request: web.Request, *known: str) -> dict[str, Any]:
    """The object that was sent, with no other members than these."""
    body = await json_object(request)
    refuse(unknown(body, *known))
    return body


def flag(body: dict[str, Any], key: str, *, default: bool | None = None) -> bool:
    """A member that must be true or false."""
    value = body.get(key, default)
    if not isinstance(value, bool):
        refuse([fault(key, "true or false is expected")])
    return value is True


def _words(body: dict[str, Any], key: str) -> tuple[str, ...]:
    value = body.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        refuse([fault(key, "a list of names is expected")])
    return tuple(value)


def _tiers(body: dict[str, Any], key: str) -> tuple[Tier, ...]:
    words = _words(body, key)
    strange = [word for word in words if word not in tuple(Tier)]
    refuse([fault(key, f"no tier is called {word[:64]!r}; known are {', '.join(Tier)}") for word in strange])
    return tuple(Tier(word) for word in words)
