"""What is streamed and why, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tradewarden.control import Control, UnreachableError

UNAVAILABLE = 69
OK = 200
REFUSED = (401, 403)


async def instruments(url: str | None, socket: Path | None, *, as_json: bool, say: Callable[[str], None]) -> int:
    """Say it; exit status 0, 1 for a problem with a rule or the dump or a refusal, 69 without an answer."""
    async with Control(url=url, socket=socket) as control:
        try:
            answer = await control.get("/api/instruments")
        except UnreachableError as error:
            say(str(error))
            return UNAVAILABLE
    if answer.status != OK:
        title = answer.body.get("title") if isinstance(answer.body, dict) else None
        say(f"The daemon answered {answer.status} ({title or 'no instruments'}); ask it over its control socket.")
        return 1 if answer.status in REFUSED else UNAVAILABLE
    say(json.dumps(answer.body) if as_json else "\n".join(lines(answer.body)))
    return 1 if any(problems(answer.body)) else 0


def problems(told: dict[str, Any]) -> Iterator[str]:
    """What a person should look after, one sentence each."""
    dump = told["dump"]
    if dump is not None and dump["problem"] is not None:
        yield f"no dump of {dump['wantedDay']}: {dump['problem']}"
    if told["rulesProblem"] is not None:
        yield told["rulesProblem"]
    yield from (rule["problem"] for rule in told["rules"] if rule["problem"] is not None)
    yield from (_silence(each) for each in told["silent"])


def lines(told: dict[str, Any]) -> Iterator[str]:
    """The total, the dump, each rule with what it came to, each instrument with its reasons, then the problems."""
    yield f"{told['total']} instruments"
    if told["dump"] is not None:
        yield f"  dump    {_dump(told['dump'])}"
    for rule in told["rules"]:
        yield f"  rule    {rule['name']}: {rule['instruments']} of {rule['most']}, {rule['mode']}{_window(rule)}"
    for each in told["instruments"]:
        yield f"{each['token']:>12}  {each['instrument']:<28} {each['mode']:<6} {'; '.join(each['why'])}"
    for problem in problems(told):
        yield f"! {problem}"


def _silence(each: dict[str, Any]) -> str:
    begun = f"{each['instrument']} is silent since {each['since'][11:19]}"
    if each["firstTickMissing"]:
        return f"{begun}: not even its first tick came; asked for again {each['asked']} times"
    return f"{begun}, more than {each['limitSeconds']:g} s ({each['class']}); asked for again {each['asked']} times"


def _dump(dump: dict[str, Any]) -> str:
    if dump["day"] is None:
        return "none yet" + (", being fetched" if dump["fetching"] else "")
    age = f"{dump['ageSeconds'] // 3600} h {dump['ageSeconds'] // 60 % 60} min old"
    fresh = "" if dump["fresh"] else f", that of {dump['wantedDay']} is wanted"
    return f"of {dump['day']}, {age}{fresh}"


def _window(rule: dict[str, Any]) -> str:
    if rule.get("centre") is None:
        return ""
    return f", around {rule['centre']:g} ({rule['spot']} at {rule['spotPrice']:g}), expiring {rule['expiry']}"
