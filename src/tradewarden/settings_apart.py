"""Settings read in a process of their own: the daemon has use for the values, but none for the reader's 11 MB."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from pydantic import BaseModel

STRANGERS = frozenset(  # beside our own classes
    {
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "time"),
        ("datetime", "timedelta"),
        ("pathlib", "PosixPath"),
        ("zoneinfo", "ZoneInfo"),
    }
)

Said = TypeVar("Said")


class Plain:
    """One table of the settings: its keys, and what its properties said when it was read."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"<settings: {', '.join(self.__dict__)}>"


class Secret:
    """A secret as pydantic's SecretStr shows it: only to who asks for it by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "Secret('**********')"

    def get_secret_value(self) -> str:
        """The secret itself."""
        return self._value


def plain(value: Any) -> Any:
    """The same settings without the reader's classes; a table's methods stay behind, its properties come along."""
    from pydantic import BaseModel, SecretStr  # noqa: PLC0415 - whoever has settings to copy has loaded it

    match value:
        case BaseModel():
            names = [*type(value).model_fields, *_properties(type(value))]
            return Plain(**{name: plain(getattr(value, name)) for name in names})
        case SecretStr():
            return Secret(value.get_secret_value())
        case list():
            return [plain(one) for one in value]
        case dict():
            return {key: plain(one) for key, one in value.items()}
        case _:
            return value


def _properties(model: type[BaseModel]) -> list[str]:
    ours = [kind for kind in model.__mro__ if kind.__module__.startswith("tradewarden.")]
    return [name for kind in ours for name, what in vars(kind).items() if isinstance(what, property)]


def said_apart(ask: Callable[[], Said | None], meanwhile: Callable[[], object] = lambda: None) -> Said | None:
    """What `ask` says in a forked process; None when it says nothing, having told why on standard error itself.

    This process does something else meanwhile. Call it before threads and event loops. Raises RuntimeError when the
    other process broke off, which is a fault of ours.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _say(ask, reading, writing)
    os.close(writing)
    meanwhile()
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"the process that reads the settings broke off with status {status}")
    said: Said | None = unpack(answer)
    return said


def pack(value: object) -> bytes:
    """The value as bytes for another process of ours."""
    packed = io.BytesIO()
    pickler = pickle.Pickler(packed)
    pickler.dispatch_table = TABLE
    pickler.dump(value)
    return packed.getvalue()


def unpack(told: bytes) -> Any:
    """The value again."""
    return _Unpickler(io.BytesIO(told)).load()


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Only what settings are made of."""
        return find_ours(module, name)


def find_ours(module: str, name: str) -> Any:
    """A class that settings are made of; raises UnpicklingError for anything else."""
    if module.startswith("tradewarden.") or (module, name) in STRANGERS:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        if isinstance(found, type) or found is _read_only:
            return found
    raise pickle.UnpicklingError(f"{module}.{name} is no part of any settings")


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


# a calendar is full of read-only mappings, which pickle does not know; a zone is made again by its name
TABLE: Any = copyreg.dispatch_table | {
    MappingProxyType: lambda one: (_read_only, (dict(one),)),
    ZoneInfo: lambda one: (ZoneInfo, (one.key,)),
}


def _say(ask: Callable[[], Any], reading: int, writing: int) -> None:
    """The child's whole life; it never comes back into its parent's code."""
    status = 1
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is its parent's too, who says what there is to say
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pack(ask()))
        status = 0
    except BrokenPipeError:
        pass  # whoever asked is gone: there is nobody to tell
    except BaseException:  # noqa: BLE001 - a forked copy must end here, whatever it met
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
