"""Which services a verb is meant for, as a request says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from aiohttp import web

from tradewarden.http.body import refuse, taken
from tradewarden.http.desk_port import Programs
from tradewarden.http.gate import told_of
from tradewarden.http.member import Member
from tradewarden.http.verbs import nobody
from tradewarden.machines.service import Selection, Tier

_TIERS: Final = Member(f"a list of tiers is expected; known are {', '.join(Tier)}", example=["critical"])
_NOTHING_CHOSEN: Final = 'say which: "names", "all": true, "tier", or "without" a tier'


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which services are meant: the named ones, all, those of some tiers, or all but some tiers."""

    names: Annotated[tuple[str, ...], Member("a list of names is expected", example=["feed"])] = ()
    all: Annotated[bool, Member("true or false is expected")] = False
    tier: Annotated[tuple[Tier, ...], _TIERS] = ()
    without: Annotated[tuple[Tier, ...], _TIERS] = ()


async def selection(request: web.Request, programs: Programs, besides: Sequence[str] = ()) -> Selection:
    """The services that are meant. Raises the problem of a body that names none, or one that is not known.

    `besides`: names that are known though no service has them.
    """
    sent = await taken(request, Chosen)
    which = Selection(names=sent.names, everything=sent.all, tiers=sent.tier, without=sent.without)
    if which == Selection():
        refuse([{"detail": _NOTHING_CHOSEN}])
    if (problem := nobody([name for name in which.names if name not in besides], programs)) is not None:
        raise problem
    told_of(request, target=_words(which))
    return which


def _words(which: Selection) -> str:
    """What is meant, for the record."""
    tiers = [*(f"tier {tier}" for tier in which.tiers), *(f"without tier {tier}" for tier in which.without)]
    return ", ".join([*(["all"] if which.everything else []), *tiers, *which.names])
