"""What is wrong with settings, one sentence a problem: where, which key, which value, what is allowed."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeGuard, get_args, get_origin

from pydantic import BaseModel

from tradewarden.redaction import redact
from tradewarden.settings_sources import BETWEEN, PREFIX, Sources

OURS = frozenset(  # set by the unit, by the keeper of a program that is a tradewarden itself, and for a run of a job
    f"{PREFIX}{name}"
    for name in (
        *("BOOT_ID", "KEEPER", "SERVICE", "STATUS_FILE"),
        *("ACCOUNT", "CONTROL", "DUE", "JOB", "RESULT_FILE", "RUN", "USER"),
    )
)
UNTOLD = frozenset(
    {
        "api_key",
        "api_secret",
        "admin_token",
        "environment",
        "webhook_url",
        "telegram_bot_token",
        "smtp_password",
        "password",
        "token",
    }
)  # whatever is wrong with them, their value is not repeated

ALLOWED = {  # what pydantic calls it: what a person would
    "bool_parsing": "true or false",
    "dict_type": "a table",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a table",
    "path_type": "the path of a file, in quotes",
    "string_pattern_mismatch": "one word without blanks",
    "string_too_short": "text that is not empty, in quotes",
    "string_type": "text in quotes",
    "too_short": "at least one entry",
}


def sentence(model: type[BaseModel], fault: Any, sources: Sources) -> str:
    """What pydantic found, for a person."""
    keys = tuple(key for key in fault["loc"] if key != "[key]")
    # a line end in a name must not look like the next problem
    dotted = ".".join(str(key) if str(key).isprintable() else ascii(key) for key in keys)
    where = sources.origin(keys)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {dotted} is not known{_nearest(str(keys[-1]), _siblings(model, keys))}."
    allowed = ALLOWED.get(fault["type"])
    told = fault["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is")
    return f"{where}: {dotted}{_value(model, keys, fault['input'])}: {f'allowed is {allowed}' if allowed else told}."


def unknown_variables(model: type[BaseModel]) -> Iterator[str]:
    """Variables with our prefix that set nothing: pydantic passes over them in silence."""
    for name, keys in _variables():
        if keys[0] not in model.model_fields:
            known = [PREFIX + leaf.upper() for leaf in _leaves(model)]
            yield f"environment variable {name}: not known{_nearest(name, known)}."


def unknown_credentials(
    model: type[BaseModel], directory: Path | None, *, besides: Collection[str] = ()
) -> Iterator[str]:
    """Credentials that set nothing, most often for want of the section's name; `besides` are the services' secrets."""
    for file in sorted(directory.iterdir()) if directory is not None and directory.is_dir() else []:
        if file.name not in besides and file.name.split(BETWEEN)[0].lower() not in model.model_fields:
            yield f"credential {file.name}: not known{_nearest(file.name, _leaves(model))}."


def misread(model: type[BaseModel]) -> Iterator[str]:
    """Variables of lists and tables that are not JSON: pydantic stops at the first and does not name it."""
    for name, keys in _variables():
        if not _takes_json(model, keys):
            continue
        try:
            json.loads(os.environ[name] or "null")
        except ValueError:
            yield f'environment variable {name}: {".".join(keys)}: allowed is JSON, such as ["one", "two"].'


def _variables() -> Iterator[tuple[str, list[str]]]:
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name not in OURS:
            yield name, name[len(PREFIX) :].lower().split(BETWEEN)


def _takes_json(model: type[BaseModel], keys: list[str]) -> bool:
    annotation: Any = model
    for key in keys:
        below = _below(annotation, key)
        if below is None:
            return get_origin(annotation) in (list, dict)
        annotation = below
    return _is_section(annotation) or get_origin(annotation) in (list, dict)


def _below(annotation: Any, key: str) -> Any | None:
    """What may stand under this key of a table, or of a table of tables; nothing when it has no such key."""
    if _is_section(annotation):
        field = annotation.model_fields.get(key)
        return None if field is None else field.annotation
    return _table_of(annotation)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The kind of table that stands under each name of the operator's, such as [accounts.family]."""
    kinds = get_args(annotation) if get_origin(annotation) is dict else ()
    return kinds[1] if kinds and _is_section(kinds[1]) else None


def _is_section(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _leaves(model: type[BaseModel], before: str = "") -> list[str]:
    """Every setting as the environment and the credentials spell it: http__port."""
    names = []
    for name, field in model.model_fields.items():
        if _is_section(field.annotation):
            names += _leaves(field.annotation, f"{before}{name}{BETWEEN}")
        else:
            names.append(before + name)
    return names


def _siblings(model: type[BaseModel], keys: tuple[int | str, ...]) -> Collection[str]:
    annotation: Any = model
    for key in keys[:-1]:
        annotation = _below(annotation, str(key))
    return list(annotation.model_fields) if _is_section(annotation) else ()


def _value(model: type[BaseModel], keys: tuple[int | str, ...], value: object) -> str:
    """The offending value, unless it is a secret or may hold one."""
    is_plain = isinstance(value, str | int | float) and not UNTOLD.intersection(keys)
    annotation: Any = model
    for key in keys:
        annotation = _below(annotation, str(key))
    is_table = _is_section(annotation) or _table_of(annotation) is not None
    return f" = {redact(repr(value))}" if is_plain and not is_table else ""


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}" if near else f"; known are {', '.join(sorted(known))}" if known else ""
