from __future__ import annotations

from typing import Any

import orjson
import pytest

from tradewarden.orchestrator.nesting import DEEPEST, is_too_deep


def lists(count: int) -> Any:
    return orjson.loads(b"[" * count + b"]" * count)


def objects(count: int) -> Any:
    return orjson.loads(b'{"a":' * count + b"1" + b"}" * count)


@pytest.mark.parametrize("value", [None, 1, "[[[[", {}, [], lists(DEEPEST), objects(DEEPEST), [[1], {"a": [2, {}]}]])
def test_what_anybody_means_is_not_too_deep(value: Any) -> None:
    assert not is_too_deep(value)


@pytest.mark.parametrize("value", [lists(DEEPEST + 2), objects(DEEPEST + 2), [1, {"a": lists(1000)}]])
def test_what_nobody_means_is(value: Any) -> None:
    assert is_too_deep(value)


def test_what_is_not_too_deep_can_be_written_inside_an_answer() -> None:
    assert orjson.dumps({"runs": [{"details": {"a": [lists(DEEPEST)]}}]})
