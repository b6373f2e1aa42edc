"""What the daemon serves as the document of its API is what the code says, and both speak of every path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import openapi_pages
from tradewarden.http.models.every import operations
from tradewarden.http.needs import NEEDS
from tradewarden.http.openapi_kinds import kind_of

AGAIN = "the code has changed: `make docs`, then read the difference"


@pytest.mark.parametrize("file", openapi_pages.WRITTEN, ids=lambda file: file.name)
def test_what_is_served_is_what_the_code_says(file: Path) -> None:
    assert file.read_text() == openapi_pages.WRITTEN[file](), AGAIN


def test_every_path_of_the_table_is_told_and_no_other() -> None:
    told = {named for _, named, _ in operations()}
    there = {named for named in NEEDS if named[0] != "OPTIONS"}
    missing, gone = there - told, told - there
    assert {"say in http/models what it is for": missing, "gone": gone} == {
        "say in http/models what it is for": set(),
        "gone": set(),
    }


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "array", "items": {"$ref": "#/components/schemas/Run"}}, "list of {Run}"),
        ({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}, "moment or null"),
        ({"enum": ["a", "b"]}, "a, b"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "object of whole number"),
        ({"type": "object"}, "object"),
        ({"type": "array"}, "list of anything"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "list of whole number, text"),
        ({}, "anything"),
    ],
)
def test_a_kind_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind_of(schema) == words


def test_the_page_shows_every_operation_every_model_and_a_way_to_try_each() -> None:
    page, document = openapi_pages.page(), json.loads(openapi_pages.document())
    for methods in document["paths"].values():
        for operation in methods.values():
            assert page.count(f'<article id="{operation["operationId"]}">') == 1
    for name in document["components"]["schemas"]:
        assert page.count(f'id="model-{name}"') == 1
    assert page.count(">curl ") == sum(map(len, document["paths"].values()))


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = openapi_pages.page()
    for target in {part.partition('"')[0] for part in page.split('href="#')[1:]}:
        assert f'id="{target}"' in page
