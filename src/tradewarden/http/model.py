"""What may be sent to a door, as a dataclass beside it says; msgspec reads it, imported with the first that comes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from types import MappingProxyType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from tradewarden.http.member import Member

M = TypeVar("M")
_PLACE = re.compile(r" - at `\$(?P<path>.*)`$")
_SHOWN = 64  # characters of a name that somebody made up
_MOST = 20


class MisfitError(Exception):
    """What was sent is not what the model says; each fault is a place, without its first slash, and a sentence."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {detail}" for place, detail in faults))
        self.faults = faults[:_MOST]


def read(model: type[M], given: Mapping[str, Any], *, strict: bool = True) -> M:
    """An instance of the model; not `strict`: numbers and flags come as text. Raises MisfitError with all faults."""
    known, types = names_of(model), types_of(model) if given else {}
    faults = [(str(key)[:_SHOWN], _unknown(known)) for key in list(given)[:_MOST] if key not in known]
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name not in given:
            if is_required(field):
                faults.append((name, words_of(model, name) or "is missing"))
            continue
        try:
            values[name] = _converted(given[name], types[name], strict=strict)
        except ValueError as misfit:
            faults.append((name + _place(str(misfit)), words_of(model, name) or _plain(str(misfit))))
    if faults:
        raise MisfitError(faults)
    return model(**values)


def _converted(value: object, kind: Any, *, strict: bool) -> Any:
    from msgspec import convert  # noqa: PLC0415 - half a megabyte that a desk without commands over HTTP never needs

    return convert(value, kind, strict=strict)


def names_of(model: type[Any]) -> dict[str, Field[Any]]:
    """The members that it knows."""
    return {field.name: field for field in fields(model)}


def is_required(field: Field[Any]) -> bool:
    """Whether it must be sent."""
    return field.default is MISSING and field.default_factory is MISSING


def words_of(model: Any, name: str) -> str:
    """What is expected there, in words; nothing when the type alone says it."""
    member = _member(model, name)
    return "" if member is None else member.words


def meaning_of(model: Any, name: str) -> str:
    """What it means, for who reads the API."""
    member = _member(model, name)
    return "" if member is None else member.says or member.words


def example_of(model: Any, name: str) -> object:
    """What somebody might send there."""
    member = _member(model, name)
    return None if member is None else member.example


def _member(model: Any, name: str) -> Member | None:
    said = getattr(_hints(model)[name], "__metadata__", ())
    return next((each for each in said if isinstance(each, Member)), None)


def types_of(model: type[Any]) -> Mapping[str, Any]:
    """The type of each member as msgspec reads it, limits and all."""
    known: Any = model  # a class is hashable, whatever its instances are
    return _types(known)


@cache
def _types(model: Any) -> Mapping[str, Any]:
    return MappingProxyType({name: _typed(hint) for name, hint in _hints(model).items()})


@cache
def _hints(model: Any) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


def _typed(hint: Any) -> Any:
    if get_origin(hint) in (tuple, list, dict):
        kind: Any = get_origin(hint)
        return kind[tuple(_typed(each) for each in get_args(hint))]
    if get_origin(hint) is not Annotated:
        return hint
    from msgspec import Meta  # noqa: PLC0415 - as above

    plain, *said = get_args(hint)
    plain, member = _typed(plain), next(each for each in said if isinstance(each, Member))
    limits: dict[str, Any] = {"ge": member.least, "le": member.most}
    if not _is_number(plain):
        limits = {"min_length": member.least, "max_length": member.most}
    of_limits: dict[str, Any] = {key: limit for key, limit in limits.items() if limit is not None}
    return _limited(plain, Meta(**of_limits)) if of_limits else plain


def _limited(plain: Any, meta: Any) -> Any:
    """The limits belong to what is no null."""
    if get_origin(plain) not in (Union, UnionType):
        return Annotated[plain, meta]
    kinds = [each if each is type(None) else Annotated[each, meta] for each in get_args(plain)]
    return Union[tuple(kinds)]  # noqa: UP007 - of a list


def _is_number(plain: Any) -> bool:
    kinds = get_args(plain) if get_origin(plain) in (Union, UnionType) else (plain,)
    return int in kinds or float in kinds


def _unknown(known: Mapping[str, Any]) -> str:
    return f"not known; allowed are {', '.join(known)}" if known else "not known; nothing is expected"


def _place(misfit: str) -> str:
    found = _PLACE.search(misfit)
    return "" if found is None else re.sub(r"[.\[]+", "/", found["path"].replace("]", ""))[:_SHOWN]


def _plain(misfit: str) -> str:
    return _PLACE.sub("", misfit).replace("`", "")
