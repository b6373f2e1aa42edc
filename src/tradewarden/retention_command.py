"""What the stores keep for how long, for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tradewarden.control import Control, RefusedError, UnreachableError, is_problem, told

UNAVAILABLE = 69
PATIENCE = 3600.0  # seconds: a first cleanup may have weeks to let go

Store = dict[str, Any]


async def retention(
    url: str | None, socket: Path | None, *, deed: str, store: str | None, as_json: bool, say: Callable[[str], None]
) -> int:
    """`list`, `stats`, `create` or `cleanup`; exit status 0, 1 when a store had trouble, 69 when no daemon answers."""
    try:
        async with Control(url=url, socket=socket) as control:
            body = await _ask(control, deed, store)
    except RefusedError as error:
        say(str(error))
        return 1
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    stores: list[Store] = body["stores"]
    if as_json:
        say(json.dumps(body))
    else:
        for line in _lines(deed, stores):
            say(line)
    return 1 if any(one["trouble"] for one in stores) else 0


async def _ask(control: Control, deed: str, store: str | None) -> dict[str, Any]:
    only = {} if store is None else {"store": store}
    if deed in ("list", "stats"):
        return await control.document("/api/retention", "stores", **only)
    answer = await control.post("/api/retention", {"do": deed, **only}, patience=PATIENCE)
    if is_problem(answer.body) or "stores" not in answer.body:
        raise RefusedError(f"the daemon answers {answer.status}: {told(answer.body)}")
    body: dict[str, Any] = answer.body
    return body


def _lines(deed: str, stores: list[Store]) -> Iterator[str]:
    if not stores:
        yield "No store of this desk forgets anything."
    for store in stores:
        name = store["store"]
        if store["trouble"]:
            yield f"{name}: {store['trouble']}"
            continue
        match deed:
            case "list":
                yield from (_rule(name, rule) for rule in store["rules"])
            case "stats":
                yield from (_kept(name, kept) for kept in store["kept"])
            case _:
                yield from _changed(name, store["changed"])


def _rule(store: str, rule: Store) -> str:
    return f"{store:<8} {rule['name']:<16} {_how_much(rule):<16} {', '.join(rule['holds'])}"


def _how_much(rule: Store) -> str:
    if rule.get("ticks") is not None:
        return f"{rule['ticks']:,} ticks"
    return "for ever" if rule["days"] is None else f"{rule['days']} days"


def _kept(store: str, kept: Store) -> str:
    rows = "" if kept["rows"] is None else f"{kept['rows']:,} rows"
    size = "" if kept["bytes"] is None else f"{kept['bytes'] / 1e6:,.1f} MB"
    span = "" if kept["oldest"] is None else f"{kept['oldest']} to {kept['newest']}"
    return f"{store:<8} {kept['name']:<16} {rows:>18} {size:>14}  {span}".rstrip()


def _changed(store: str, changed: list[Store]) -> Iterator[str]:
    if not changed:
        yield f"{store}: nothing had to be done."
    for one in changed:
        rows = f" {one['rows']:,} rows" if one.get("rows") is not None else ""
        yield f"{store}: {one['name']}{rows}"
