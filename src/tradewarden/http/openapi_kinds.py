"""The kind of a value, as a schema tells it, in words; a model stands in braces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

Schema = Mapping[str, Any]

_FORMATS: Final = MappingProxyType({"date-time": "moment", "date": "date"})
_PLAIN: Final = MappingProxyType({"integer": "whole number", "boolean": "true or false"})


def kind_of(schema: Schema) -> str:
    """What may stand there."""
    if "$ref" in schema:
        return f"{{{schema['$ref'].rpartition('/')[2]}}}"
    if "anyOf" in schema:
        return " or ".join(map(kind_of, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", "anything"))
    tell = _TYPES.get(kind)
    return _PLAIN.get(kind, kind) if tell is None else tell(schema)


def _list(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"list of {', '.join(map(kind_of, schema['prefixItems']))}"
    return f"list of {kind_of(schema.get('items') or {})}"


def _object(schema: Schema) -> str:
    inner = schema.get("additionalProperties")
    return f"object of {kind_of(inner)}" if isinstance(inner, dict) else "object"


def _text(schema: Schema) -> str:
    return _FORMATS.get(schema.get("format", ""), "text")


_TYPES: Final[Mapping[str, Callable[[Schema], str]]] = MappingProxyType(
    {"array": _list, "object": _object, "string": _text}
)
