"""What an answer may look like, by the document of the API; and what is odd about one."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema_rs
import orjson

from tradewarden.http import openapi


@cache
def document() -> dict[str, Any]:
    """The API's document, as the daemon serves it."""
    told: dict[str, Any] = json.loads(openapi.DOCUMENT.read_text())
    return told


@cache
def _validator(model: str) -> Any:
    known = document()["components"]
    assert model in known["schemas"], model
    return jsonschema_rs.Draft202012Validator(
        {"$ref": f"#/components/schemas/{model}", "components": known}, validate_formats=True
    )


def odd(model: str, answer: Any) -> list[str]:
    """Each place of an answer that its model does not have, or has otherwise."""
    told = orjson.loads(orjson.dumps(answer))
    return [f"{'/'.join(map(str, each.instance_path))}: {each.message}" for each in _validator(model).iter_errors(told)]


def model_of(path: str, status: int = 200) -> str:
    """The model of what a GET of this path answers."""
    content = document()["paths"][path]["get"]["responses"][str(status)]["content"]
    (kind,) = (told for name, told in content.items() if name.endswith("json") and "problem" not in name)
    place: str = kind["schema"]["$ref"]
    return place.rpartition("/")[2]
