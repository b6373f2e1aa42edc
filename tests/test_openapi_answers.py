"""What a handler can answer is in the document: its code is read, so that a status needs no test to be missed by."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

import reference_pages
from answered import Found, Named, answered
from promised import document
from tradewarden.daemon import Desk
from tradewarden.http.desk_port import Programs
from tradewarden.http.jobs_port import Jobs

# What the code seems to lead to, and never does.
NEVER: Mapping[Named, set[int]] = {
    ("POST", "/api/session/password"): {200},  # the page is shown again only with what was wrong
    ("POST", "/api/users"): {404},  # who has just been added is there
    ("POST", "/api/v1/service/start"): {404},  # the desk as a whole is no job
    ("POST", "/api/v1/service/stop"): {404},
}


def read(desk: Desk) -> dict[Named, Found]:
    handlers = {
        (route.method, route.resource.canonical): route.handler
        for route in desk.http._app().router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }
    return answered(handlers, {Jobs: desk.jobs, Programs: desk.programs})


@pytest.fixture(scope="module")
def found() -> dict[Named, Found]:
    return reference_pages.of_daemon(read)


def test_every_status_that_a_handler_can_answer_is_described(found: dict[Named, Found]) -> None:
    paths, missing = document()["paths"], {}
    for (method, path), statuses in found.items():
        told = {int(status) for status in paths[path][method.lower()]["responses"]} | NEVER.get((method, path), set())
        if further := {status: where for status, where in statuses.items() if status not in told}:
            missing[method, path] = further
    assert missing == {}, "say in http/models when it is answered"


@pytest.mark.parametrize(
    ("named", "statuses"),
    [
        (("POST", "/api/backup"), {200, 422, 429, 507}),  # by functions, methods and what is imported late
        (("GET", "/readyz"), {200, 503}),  # as it is written there
        (("DELETE", "/api/tokens/{id}"), {200, 404, 408, 422, 503}),  # the ledger, by objects of objects
        (("POST", "/api/session"), {201, 303, 401, 408, 422, 429}),  # a ledger that takes nothing keeps nobody out
        (("POST", "/api/v1/service/individual/run-once"), {200, 403, 404, 408, 422, 503}),  # behind a port
        (("POST", "/api/query"), {200, 408, 422, 429, 503}),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_the_code_is_read_to_its_ends(found: dict[Named, Found], named: Named, statuses: set[int]) -> None:
    assert set(found[named]) == statuses


def test_nothing_is_excused_that_the_code_does_not_lead_to(found: dict[Named, Found]) -> None:
    assert {named: each - set(found[named]) for named, each in NEVER.items() if each - set(found[named])} == {}
