"""The document of the API (OpenAPI 3.1), made of the table of ways, the operations and their models.

The daemon serves what `make docs` has written and imports nothing of this.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
import orjson

from tradewarden import __version__
from tradewarden.http.model import example_of, is_required, meaning_of, names_of, types_of
from tradewarden.http.models.every import NOUNS, Named, operations
from tradewarden.http.models.problem import Problem
from tradewarden.http.needs import DEEDS, FRESH, NEEDS, READS, Way
from tradewarden.http.operation import Operation, Told
from tradewarden.machines.role import Need

ABOUT: Final = (
    "One daemon for a trading desk: it listens on 127.0.0.1 and on a control socket. Every error is a problem document"
    " (RFC 9457). `HEAD` works wherever `GET` does, but for the login, the callback and the streams."
)
_NUMBER: Final = MappingProxyType({"type": "integer", "minimum": 1})
_SAMPLES: Final = MappingProxyType(
    {
        ("services", "name"): "feed",
        ("logs", "name"): "feed",
        ("users", "name"): "asha",
        ("", "job"): "analysis",
        ("", "task_name"): "analysis",
        ("", "segment"): "NSE_EQ",
        ("", "kind"): "validation",
        ("{name}", "name"): "page.css",
    }
)
_IN_PATH: Final = MappingProxyType(
    {
        "job": "the job, as the configuration calls it",
        "task_name": "the task: a job, as the configuration calls it",
        "id": "the number",
        "name": "the name, as the configuration or the list has it",
        "segment": "the segment, such as NSE_EQ",
        "kind": "the kind of problem, as its type has it",
    }
)
_BODY_REFUSALS: Final = {400: "the body breaks off", 408: "the body does not arrive", 413: "the body is too large"}
_WITHOUT_BODY: Final = ("text/event-stream", "application/x-tar")
_LONG_AGO: Final = f"more than {FRESH // timedelta(minutes=1)} minutes"
_REF: Final = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """The whole document."""
    told = [(noun, named, operation) for noun, named, operation in operations() if named in NEEDS]
    schemas = _Schemas([operation for _, _, operation in told])
    paths: dict[str, dict[str, Any]] = {}
    for noun, (method, path), operation in told:
        way = NEEDS[method, path]
        paths.setdefault(path, {})[method.lower()] = _operation((method, path), operation, way, noun.name, schemas)
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "tradewarden", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/", "description": "the daemon that tells this document"}],
        "tags": [{"name": noun.name, "description": noun.says} for noun in NOUNS],
        "paths": paths,
        "components": {"schemas": schemas.components, "securitySchemes": _SCHEMES},
    }
    plain: dict[str, Any] = orjson.loads(orjson.dumps(whole))
    return plain


_SCHEMES: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "the admin token, or an API token of a person (`tradewarden token add`)",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "tradewarden",
        "description": "of a person who has signed in; what changes something needs `X-CSRF-Token`, too",
    },
}


def _operation(named: Named, operation: Operation, way: Way, tag: str, schemas: _Schemas) -> dict[str, Any]:
    method, path = named
    told: dict[str, Any] = {
        "tags": [tag],
        "operationId": "_".join(re.findall(r"\w+", f"{method.lower()} {path}")) or method,
        "summary": operation.says,
        "description": operation.more or operation.says,
        "security": [] if way.need in (Need.ANYBODY, Need.MACHINE) else [{"token": []}, {"session": []}],
        "x-needs": way.need,
        "x-scope": None if way.secrets else way.scope,
        "x-asks": operation.asks,
    }
    parameters = [*_in_path(path), *([] if operation.query is None else schemas.parameters(operation.query))]
    if parameters:
        told["parameters"] = parameters
    if operation.body is not None:
        content: dict[str, Any] = {"schema": schemas.of(operation.body)}
        if operation.example is not None:
            content["example"] = operation.example
        told["requestBody"] = {
            "required": any(is_required(field) for field in names_of(operation.body).values()),
            "content": {"application/json": content},
        }
    answers = {status: _answer(answer, schemas) for status, answer in operation.answers.items()}
    refusals = _refusals(method, path, operation, way)
    told["responses"] = {str(status): answer for status, answer in sorted((_merged(answers, refusals)).items())}
    return told


def sample(path: str, name: str) -> str | int:
    """What may stand in a path for a name, for who tries it."""
    return 1 if name == "id" else _SAMPLES.get((path.split("/")[2] if name == "name" else "", name), name)


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", path):
        schema = _NUMBER if name == "id" else {"type": "string", "minLength": 1}
        told = {"name": name, "in": "path", "required": True, "schema": dict(schema), "example": sample(path, name)}
        yield told | ({"description": _IN_PATH[name]} if name in _IN_PATH else {})


def _answer(answer: Told, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {"description": answer.says}
    if answer.kind:
        also = {kind: {"schema": {"type": "string"}} for kind in answer.also}
        told["content"] = {answer.kind: _content(answer, schemas)} | also
    return told


def _content(answer: Told, schemas: _Schemas) -> dict[str, Any]:
    if answer.kind in _WITHOUT_BODY or answer.model is bytes:
        return {}
    return {"schema": schemas.of(answer.model)}


def _refusals(method: str, path: str, operation: Operation, way: Way) -> dict[int, str]:
    """What may go wrong with every request of this kind, and with this one in particular."""
    told: dict[int, str] = {}
    if way.need is not Need.ANYBODY:
        told |= {401: "nobody is signed in", 403: f"this takes {_whom(way)}"}
    by_token = "" if not way.secrets else f"; it comes by an API token, or {_LONG_AGO} after the password was given"
    if method not in ("GET", "HEAD"):
        told |= {403: f"not allowed, or the request comes from another site{by_token}"}
        if way.need is not Need.ANYBODY:
            told |= {429: f"one person does at most {DEEDS[0]} things in {DEEDS[1]:g} s"}
    if way.costly:
        told[429] = (
            f"one person, or one address of strangers, asks for such things at most {READS[0]} times in {READS[1]:g} s"
        )
    if operation.body is not None:
        told |= _BODY_REFUSALS
    if operation.body is not None or operation.query is not None:
        told[422] = "what is wrong with what was sent, place by place"
    if "{" in path:
        told[404] = "there is nothing of this name"
    return told | dict(operation.refusals)


def _whom(way: Way) -> str:
    return f"{'an' if way.need is Need.ADMIN else 'a'} {way.need}"


def _merged(answers: dict[int, Any], refusals: Mapping[int, str]) -> dict[int, Any]:
    """A status may mean an answer of its own kind or a problem."""
    problem = {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}}
    for status, says in refusals.items():
        answer = answers.setdefault(status, {"description": HTTPStatus(status).phrase})
        if "content" in answer:
            answer["description"] = f"{answer['description']}; or {says}"
            answer["content"] = answer["content"] | problem
        else:
            answers[status] = {"description": says, "content": problem}
    return answers


class _Schemas:
    """The schemas of all models, each told once."""

    def __init__(self, told: list[Operation]) -> None:
        answers = [answer.model for each in told for answer in each.answers.values()]
        sent = [each.body for each in told if each.body is not None]
        asked = [*sent, *(each.query for each in told if each.query)]
        names = Counter(model.__name__ for model in dict.fromkeys(asked))
        self._asked = {model: _struct(model, is_only=names[model.__name__] == 1) for model in asked}
        wanted = [Problem, *(model for model in answers if model not in (None, bytes)), *map(self._asked.get, sent)]
        self._kinds = list(dict.fromkeys(wanted))
        found, self.components = msgspec.json.schema_components(self._kinds, ref_template=_REF)
        self._found = dict(zip(self._kinds, found, strict=True))

    def of(self, model: Any) -> dict[str, Any]:
        """A model's place among the components, or the schema of a plain kind."""
        found: dict[str, Any] = self._found[self._asked.get(model, model)]
        return found

    def parameters(self, model: type[Any]) -> Iterator[dict[str, Any]]:
        """The members of a query."""
        (found,), components = msgspec.json.schema_components([self._asked[model]], ref_template=_REF)
        properties = components[found["$ref"].rpartition("/")[2]]["properties"]
        for name, field in names_of(model).items():
            schema = _without_null(properties[name])
            words, example = schema.pop("description", meaning_of(model, name)), example_of(model, name)
            yield {
                "name": name,
                "in": "query",
                "required": is_required(field),
                "schema": schema,
                **({"description": words} if words else {}),
                **({"example": example} if example is not None else {}),
            }


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """What is left out of a query is simply not there."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and value is not None}
    return rest | kinds[0] if len(kinds) == 1 else rest | ({"anyOf": kinds} if kinds else {})


def _struct(model: type[Any], *, is_only: bool) -> Any:
    """The model of what is sent, with its words, as msgspec describes it; two of one name are told apart by noun."""
    noun = "" if is_only else model.__module__.rpartition(".")[2].title().replace("_", "")
    types, members = types_of(model), []
    for name, field in names_of(model).items():
        words = meaning_of(model, name)
        kind = Annotated[types[name], msgspec.Meta(description=words)] if words else types[name]
        members.append((name, kind) if is_required(field) else (name, kind, msgspec.field(default=field.default)))
    made = msgspec.defstruct(noun + model.__name__, members, forbid_unknown_fields=True, kw_only=True)
    made.__doc__ = model.__doc__
    return made
