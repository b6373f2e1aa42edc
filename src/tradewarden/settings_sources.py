"""Where settings come from, the strongest first: environment, systemd's credentials, file."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    TomlConfigSettingsSource,
)

from tradewarden.settings_state import find

__all__ = ["BETWEEN", "PREFIX", "ConfigError", "Sources", "find", "read"]

PREFIX = "TRADEWARDEN_"
BETWEEN = "__"

Model = TypeVar("Model", bound=BaseSettings)


class ConfigError(Exception):
    """The configuration cannot be used; one sentence per problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read(path: Path) -> dict[str, Any]:
    """What the file says. Raises ConfigError where it cannot be read or is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise ConfigError(f"{path}: cannot be read: {trouble.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}.") from None


class Sources:
    """The places that values were read from, so that a problem can be told with its place."""

    def __init__(self, path: Path | None) -> None:
        self.file = path
        named = os.environ.get("CREDENTIALS_DIRECTORY")
        self.credentials = Path(named) if named else None
        self.faulty: frozenset[tuple[int | str, ...]] = frozenset()  # places whose values were left out
        self._named: list[tuple[str, PydanticBaseSettingsSource]] = []

    def merge(self, model: type[Model]) -> Model:
        """The settings of all places. Raises pydantic's ValidationError, or SettingsError where a value is no JSON."""
        sources = self

        class Merged(model):  # type: ignore[misc, valid-type] # the sources of a model are a hook of its class
            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                env_settings: PydanticBaseSettingsSource,
                **_others: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return sources.order(settings_cls, env_settings)

        Merged.__name__ = model.__name__
        merged: Model = Merged()
        return merged

    def without(self, model: type[Model], faulty: Iterable[tuple[int | str, ...]]) -> Model:
        """The settings as if nothing stood at these places: what else is wrong can be told in the same round.

        Raises pydantic's ValidationError when that brings up new faults.
        """
        self.faulty = self.faulty.union(faulty)
        values: dict[str, Any] = {}
        for _, source in reversed(self._named):
            _lay_over(values, source())
        for keys in self.faulty:
            _leave_out(values, keys)

        class Good(model):  # type: ignore[misc, valid-type] # as in merge
            @classmethod
            def settings_customise_sources(
                cls, settings_cls: type[BaseSettings], **_others: PydanticBaseSettingsSource
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return (InitSettingsSource(settings_cls, values),)

        good: Model = Good()
        return good

    def order(
        self, model: type[BaseSettings], environment: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in the order of their strength, remembered by name."""
        self._named = [("environment", environment)]
        if self.credentials is not None:
            nested = NestedSecretsSettingsSource(
                model,  # type: ignore[arg-type] # it takes the class too, as its constructor says
                self.credentials,
                secrets_dir_missing="error",
                secrets_prefix="",
                secrets_nested_delimiter=BETWEEN,
            )
            self._named.append(("credential", nested))
        if self.file is not None:
            self._named.append((str(self.file), TomlConfigSettingsSource(model, self.file)))
        return tuple(source for _, source in self._named)

    def origin(self, keys: tuple[int | str, ...]) -> str:
        """Where the value at this place came from: the variable, the credential or the file."""
        variable = BETWEEN.join(key for key in keys if isinstance(key, str))
        for name, source in self._named:
            if _holds(source(), keys):
                match name:
                    case "environment":
                        return f"environment variable {PREFIX}{variable.upper()}"
                    case "credential":
                        return f"credential {variable}"
                    case _:
                        return name
        return "defaults"


def _lay_over(below: dict[str, Any], above: dict[str, Any]) -> None:
    """Put stronger values over weaker ones, table by table."""
    for key, value in above.items():
        if isinstance(value, dict) and isinstance(below.get(key), dict):
            _lay_over(below[key], value)
        else:
            below[key] = copy.deepcopy(value)


def _leave_out(values: Any, keys: tuple[int | str, ...]) -> None:
    """Take one value out; of a list the whole list, since a part of it would mean something else."""
    for key in keys[:-1]:
        inner = values.get(key) if isinstance(values, dict) else None
        if not isinstance(inner, dict):
            break
        values = inner
    else:
        key = keys[-1]
    if isinstance(values, dict):
        values.pop(key, None)


def _holds(found: Any, keys: tuple[int | str, ...]) -> bool:
    for key in keys:
        if not isinstance(found, dict):
            return isinstance(key, int)  # a place in a list, which is there as a whole
        if key not in found:
            return False
        found = found[key]
    return True
