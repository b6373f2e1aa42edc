"""What people last wished of each service: whether it runs, belongs to the desk, is started again; kept in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tradewarden.early_log import Logger

FILE: Final = "services.json"  # in the state directory
VERSION: Final = 1

log = Logger()


class WishesError(Exception):
    """A wish could not be kept; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Of one service; what is none, nobody has said."""

    wanted: bool | None = None
    enabled: bool | None = None
    auto_restart: bool | None = None
    ends: str | None = None  # the life that a restart of all is to end; when it has, this means nothing any more


NO_LIVES: Final[Mapping[str, str | None]] = MappingProxyType({})
NOTHING: Final = Wish()


class Wishes:
    """They last over restarts of the daemon and of the machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.trouble: str | None = None  # why the file could not be read: then nothing may be started by itself
        self._known = self._load()

    def of(self, name: str) -> Wish:
        """What is wished of this service."""
        return self._known.get(name, NOTHING)

    def set(
        self,
        names: Iterable[str],
        *,
        wanted: bool | None = None,
        enabled: bool | None = None,
        auto_restart: bool | None = None,
        ends: Mapping[str, str | None] = NO_LIVES,
    ) -> None:
        """Keep what is said of all of them; what is none stays as it was. Raises WishesError.

        Of `ends` only those lives are kept that were said together with the last `wanted`.
        """
        said = {"wanted": wanted, "enabled": enabled, "auto_restart": auto_restart}
        news: dict[str, Any] = {key: value for key, value in said.items() if value is not None}
        known = {name: replace(self.of(name), **news) for name in names}
        if wanted is not None:
            known = {name: replace(wish, ends=ends.get(name)) for name, wish in known.items()}
        self._become(self._known | known)

    def forget(self, names: Iterable[str]) -> None:
        """These services are no more. Raises WishesError."""
        gone = set(names)
        self._become({name: wish for name, wish in self._known.items() if name not in gone})

    def _become(self, known: dict[str, Wish]) -> None:
        if known == self._known and self.trouble is None:
            return
        before, self._known = self._known, known
        try:
            self._save()
        except OSError as error:
            self._known = before
            raise WishesError(
                f"{self._path} cannot be written ({error.strerror}), so the wish would not last; mend that first"
            ) from None

    def _load(self) -> dict[str, Wish]:
        try:
            told = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            return self._unread(getattr(error, "strerror", None) or "it is no JSON")
        match told:
            case {"version": 1, "services": dict(services)}:
                return {str(name): _wish(each) for name, each in services.items()}
            case _:
                return self._unread(f"it is not of version {VERSION}")

    def _unread(self, why: str) -> dict[str, Wish]:
        self.trouble = f"{self._path} cannot be understood: {why}; nothing is started before somebody says so"
        log.error("services.wishes_unread", path=str(self._path), why=why)
        return {}

    def _save(self) -> None:
        """Whole or not at all, also when the power fails."""
        services = {name: _spoken(wish) for name, wish in sorted(self._known.items())}
        draft = self._path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump({"version": VERSION, "services": services}, out, indent=1)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(self._path)
        self.trouble = None


def _spoken(wish: Wish) -> dict[str, bool | str]:
    return {key: value for key, value in asdict(wish).items() if value is not None}


def _wish(told: Any) -> Wish:
    if not isinstance(told, dict):
        return NOTHING
    kinds = {each.name: str if each.name == "ends" else bool for each in fields(Wish)}
    return Wish(**{name: told[name] for name, kind in kinds.items() if isinstance(told.get(name), kind)})
