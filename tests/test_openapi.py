"""The daemon keeps every promise of its API's document, whatever is sent: asked over a real socket."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from live_desk import ADMINS, LiveDesk, live_desk
from tradewarden.http import openapi
from tradewarden.orchestrator import reading, validation

SERVICES = """
[services.feed]
command = ["sleep", "1000"]
tier = "critical"

[services.writer]
command = ["sleep", "1000"]
needs = ["feed"]

[services.analysis]
command = ["sh", "-c", "echo '{\\"found\\": 3}' > $TRADEWARDEN_RESULT_FILE"]
schedule = ["at 16:00", "hourly at :30 between 09:00 and 16:00"]

[services.watch]
command = ["sleep", "1000"]
schedule = "always on all days"
does = "monitor"

[services.buy_orders]
command = ["sh", "-c", "exit 3"]
schedule = "after analysis succeeded"
per_user = true
"""
Operation = APIOperation[Any, Any, Any, Any]
CHECKS: list[CheckFunction] = [status_code_conformance, content_type_conformance, response_schema_conformance]
NAMES = {"all", "do", "job", "name", "names", "segment", "task_name", "user"}  # members that say about what
PATIENCE = validation.PATIENCE + 30  # seconds; the daemon gives itself less for anything, however busy the machine is
ENDLESS = re.compile(r"/(events|logs/stream)$")
# Each takes a process of its own, or goes through all that is recorded: its example will do by day.
SLOW = {f"/api/{path}" for path in ("query", "validate", "backup", "desk/reload", "retention")}

# This desk has no broker and no store, and its visitor is an admin who has no password.
LACKING = {
    **dict.fromkeys(("GET /login", "GET /api/auth/login", "GET /compat/api/auth/login"), 503),
    "GET /auth/callback": 400,
    **dict.fromkeys(("GET /api/retention", "POST /api/retention", "POST /api/validate"), 422),
    "POST /api/session": 401,
}

schema = schemathesis.openapi.from_path(openapi.DOCUMENT)
schema.config.generation.update(with_security_parameters=False)
FOUND = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
PROMISED = [operation for operation in FOUND if not ENDLESS.search(operation.path)]
DOCUMENT: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text())
BARE = {
    each.label
    for each in PROMISED
    if not DOCUMENT["paths"][each.path][each.method].keys() & {"parameters", "requestBody"}
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    with live_desk(tmp_path_factory.mktemp("desk"), SERVICES) as running:
        running.begin()
        running.until(feed="up", writer="up")
        running.ask("POST", "/api/users", {"name": "asha", "role": "trader"})
        running.ask("POST", "/api/tokens", {"name": "first", "scopes": ["read"], "user": "asha"})
        jobs = {("analysis", ""), ("buy_orders", "asha"), ("watch", "")}
        running.wait(lambda: {(job["name"], job["user"]) for job in told(running, "schedules", "jobs")} == jobs, "jobs")
        for job, user in sorted(jobs):
            running.ask("POST", "/api/runs", {"job": job, "user": user})
        running.wait(lambda: {"success", "failed"} <= {run["outcome"] for run in told(running, "runs", "runs")}, "ran")
        yield running


def told(desk: LiveDesk, path: str, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.ask("GET", f"/api/{path}")[key]
    return found


def asked(case: Case[Any], desk: LiveDesk) -> int:
    """Every status, kind and member of the answer must be one of those that the document tells; it tells no 500."""
    answer = case.call_and_validate(
        base_url=f"http://127.0.0.1:{desk.port}",
        headers=dict(ADMINS),
        checks=CHECKS,
        allow_redirects=False,
        timeout=PATIENCE,
    )
    return answer.status_code


def any_case(data: st.DataObject, operation: Operation) -> Case[Any]:
    """What the document allows, or what it does not; every other one is about something that this desk has."""
    modes = (
        [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if operation.label not in BARE else [GenerationMode.POSITIVE]
    )
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    case = data.draw(st.one_of(strategies))
    places, body = examples(operation)
    if data.draw(st.booleans()):
        case.path_parameters = {**case.path_parameters, **places}
        if isinstance(case.body, dict):
            case.body = {**case.body, **{name: body[name] for name in NAMES & body.keys()}}
    return case


def examples(operation: Operation) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page gives as an example: of the path, and of the body."""
    told = DOCUMENT["paths"][operation.path][operation.method]
    places = {each["name"]: each["example"] for each in told.get("parameters", ()) if each["in"] == "path"}
    return places, told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example", {})


def often(times: int, *, afresh: bool = False) -> settings:
    return settings(
        max_examples=times,
        derandomize=not afresh,  # the same on every push; those of the night are new each time
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def of(operations: list[Operation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation.label)


each = of(PROMISED)
quick = of([operation for operation in PROMISED if operation.path not in SLOW])
slow = of([operation for operation in PROMISED if operation.path in SLOW])


@each
def test_the_example_is_answered_as_promised(operation: Operation, desk: LiveDesk) -> None:
    told = DOCUMENT["paths"][operation.path][operation.method]
    parameters = told.get("parameters", ())
    places, body = examples(operation)
    query = {each["name"]: each["example"] for each in parameters if each["in"] == "query" and "example" in each}
    sent: dict[str, Any] = {"body": body, "media_type": "application/json"} if "requestBody" in told else {}
    status = asked(operation.Case(path_parameters=places, query=query, **sent), desk)
    assert status in (LACKING.get(operation.label), 409) or status < 400  # 409: it is so already, or has just been done


@quick
@often(10)
@given(data=st.data())
def test_whatever_is_sent_is_answered_as_promised(data: st.DataObject, operation: Operation, desk: LiveDesk) -> None:
    asked(any_case(data, operation), desk)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@quick
@often(200, afresh=True)
@given(data=st.data())
def test_whatever_is_sent_all_night_is_answered_as_promised(
    data: st.DataObject, operation: Operation, desk: LiveDesk
) -> None:
    asked(any_case(data, operation), desk)


@pytest.mark.nightly
@pytest.mark.timeout(900)
@slow
@often(20, afresh=True)
@given(data=st.data())
def test_what_takes_long_is_answered_as_promised_too(data: st.DataObject, operation: Operation, desk: LiveDesk) -> None:
    asked(any_case(data, operation), desk)


@pytest.mark.nightly
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seconds", "status"), [(12.0, 200), (reading.PATIENCE + 1, 422)])
def test_a_reload_on_a_machine_that_has_no_time_is_answered_as_promised(
    seconds: float, status: int, desk: LiveDesk
) -> None:
    operation = next(each for each in PROMISED if each.path == "/api/desk/reload")
    with ThreadPoolExecutor() as beside:
        answer = beside.submit(asked, operation.Case(body={"dry": True}, media_type="application/json"), desk)
        reader = reader_of(desk)
        os.kill(reader, signal.SIGSTOP)
        with suppress(TimeoutError):
            answer.result(seconds)
        with suppress(ProcessLookupError):  # the daemon has waited long enough
            os.kill(reader, signal.SIGCONT)
        assert answer.result(reading.PATIENCE) == status


def reader_of(desk: LiveDesk) -> int:
    """The process that reads the file for the daemon at this moment."""
    assert desk.process is not None
    children = Path(f"/proc/{desk.process.pid}/task/{desk.process.pid}/children")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for child in children.read_text().split():
            with suppress(OSError):
                if reading.MODULE.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        time.sleep(0.005)
    raise AssertionError(f"nothing reads the file: {desk.log()}")


# What is wrong on purpose


OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]
NUMBERS = count()
WRONG: list[Any] = [None, True, 7, -1, 1.5, 10**30, "", "\0", "x" * 9000, [], [[]], [7], {}, {"a": {}}]


OWN = "/api/session/password"  # only for somebody who has signed in


def signed_in(desk: LiveDesk) -> dict[str, str]:
    """What a browser sends for somebody new who has just signed in."""
    name = f"somebody{next(NUMBERS)}"
    person = desk.ask("POST", "/api/users", {"name": name})
    credentials = json.dumps({"name": name, "password": person["oneTimePassword"]}).encode()
    status, headers, said = desk.answer("POST", "/api/session", credentials, {})
    assert status == 201, said
    cookie = headers["Set-Cookie"].partition(";")[0]
    return {"Cookie": cookie, "X-CSRF-Token": json.loads(said)["csrf"]}


def model_of(operation: dict[str, Any]) -> dict[str, Any]:
    place = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][place.rpartition("/")[2]]
    return found


def fits(member: dict[str, Any], value: Any) -> bool:
    whole = {**member, "components": DOCUMENT["components"]}
    return bool(jsonschema_rs.validator_for(whole).is_valid(value))


def target(path: str, operation: dict[str, Any]) -> str:
    for each in operation.get("parameters", ()):
        path = path.replace(f"{{{each['name']}}}", str(each["example"])) if each["in"] == "path" else path
    return path


def test_the_document_promises_no_fault_of_ours() -> None:
    assert [operation["operationId"] for _, _, operation in OPERATIONS if "500" in operation["responses"]] == []


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [each for each in OPERATIONS if "requestBody" in each[2]],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_wrong_value_at_any_place_of_a_body_is_told_with_its_place(
    method: str, path: str, operation: dict[str, Any], desk: LiveDesk
) -> None:
    model = model_of(operation)
    example = operation["requestBody"]["content"]["application/json"].get("example", {})
    wrong = [
        (name, value)
        for name, member in model.get("properties", {}).items()
        for value in WRONG
        if not fits(member, value)
    ]
    headers = signed_in(desk) if path == OWN else ADMINS
    for name, value in [*wrong, ("nobody-knows-this", 1)]:
        sent = json.dumps({**example, name: value}).encode()
        status, _, said = desk.answer(method, target(path, operation), sent, headers)
        assert status == 422, (name, value, said)
        assert name in json.loads(said)["errors"][0]["pointer"].split("/"), (value, said)


ODD = {"integer": ["x", "1.5", "-1", "9" * 5000, "٣", ""], "boolean": ["perhaps", "2", ""]}  # else: one of few words


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [each for each in OPERATIONS if any(told["in"] == "query" for told in each[2].get("parameters", ()))],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_wrong_value_of_any_parameter_is_told_with_its_name(
    method: str, path: str, operation: dict[str, Any], desk: LiveDesk
) -> None:
    for parameter in operation["parameters"]:
        member, name = parameter["schema"], parameter["name"]
        if parameter["in"] != "query" or (member.get("type") in ("string", "array") and "maxLength" not in member):
            continue
        for value in ODD.get(member.get("type"), ["x" * 9 * member.get("maxLength", 1)]):
            asks = f"{target(path, operation)}?{urlencode({name: value})}"
            status, _, said = desk.answer(method, asks, b"")
            assert status == 422, (name, value, said)
            assert json.loads(said)["errors"][0]["parameter"] == name


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *((body, 422) for body in (b"[]", b"7", b"{", b"\xff", b"null", b'{"a":' * 2000)),
        (b" " * 10_000_000, 413),
    ],
    ids=["list", "number", "broken", "bytes", "null", "deep", "large"],
)
def test_what_is_no_object_or_too_large_is_a_problem_on_every_path(body: bytes, status: int, desk: LiveDesk) -> None:
    own = signed_in(desk)
    for method, path, operation in OPERATIONS:
        if "requestBody" in operation:
            found, headers, _ = desk.answer(method, target(path, operation), body, own if path == OWN else ADMINS)
            assert (found, headers["Content-Type"]) == (status, "application/problem+json"), path
