"""The table of who may use which path, and the page that tells it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from aiohttp import web

import reference_pages
from pictures import serving
from tradewarden.http.needs import NEEDS
from tradewarden.machines.role import Need

PAGE = Path(__file__).parents[2] / "docs" / "http.md"
PEOPLE = PAGE.with_name("people.md")


class Nameless:
    """A part with a path that nobody said anything about."""

    def routes(self, _visitors: object) -> list[web.RouteDef]:
        async def get(_request: web.Request) -> web.Response:
            return web.Response()

        return [web.get("/api/forgotten", get)]


async def test_a_path_that_the_table_does_not_have_keeps_the_daemon_from_starting() -> None:
    with pytest.raises(LookupError, match=r"GET /api/forgotten: say in http/needs\.py who may use it"):
        async with serving(parts=[Nameless()]):
            pytest.fail("it started")


def test_the_table_has_no_path_that_nobody_answers() -> None:
    answered = set(reference_pages.routes())
    assert [way for way in NEEDS if way not in answered and way[0] != "OPTIONS"] == []


def test_the_page_says_of_each_path_what_the_table_says() -> None:
    rows = re.findall(r"(?m)^\| `([A-Z]+) (\S+)` \| ([^|]+) \|", PAGE.read_text())
    told = {(method, path): who.strip() for method, path, who in rows}
    assert {way: told[way] for way in told if told[way] != NEEDS[way].need} == {}


def test_the_page_names_what_is_costly_to_read_and_nothing_that_a_monitor_asks_for() -> None:
    costly = [f"`{method} {path}`" for (method, path), way in NEEDS.items() if way.costly]
    assert f"Costly to tell are {', '.join(sorted(costly))}: " in PAGE.read_text().replace("\n", " ")
    assert not [each for each in costly if re.search(r"health|metrics|livez|readyz|/events|/stream", each)]


def test_the_page_about_people_has_each_path_in_the_row_of_its_role_and_scope() -> None:
    groups: dict[tuple[str, str], list[str]] = {}
    for (method, path), way in NEEDS.items():
        if way.need is not Need.ANYBODY:
            groups.setdefault((way.need, "none" if way.secrets else way.scope), []).append(f"`{method} {path}`")
    rows = {f"| {need} | {scope} | {' · '.join(sorted(paths))} |" for (need, scope), paths in groups.items()}
    told = set(re.findall(r"(?m)^\| (?:machine|viewer|trader|admin) \| \w+ \| `.*$", PEOPLE.read_text()))
    assert rows - told == set(), "write these rows into docs/people.md"
    assert told - rows == set()
