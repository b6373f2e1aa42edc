"""The settings of the last good start, kept so that the next one needs no reader and starts programs sooner.

Of the words that an operator wrote none stands in there: no secret, no command, no address, only at which place of
the configuration each one stands. So it can be used with the very same configuration only, and tells nobody a secret.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tradewarden.machines.service import Kind
from tradewarden.settings_apart import TABLE, Secret, find_ours
from tradewarden.settings_grounds import Grounds
from tradewarden.settings_witness import UnwitnessedError, hold, witnesses

if TYPE_CHECKING:
    from tradewarden.settings import Settings

NAME: Final = ".settings.kept"  # in the state directory; hidden, so that no backup takes it along
LARGEST: Final = 8_000_000  # bytes
SHORTEST: Final = 4  # letters: what is shorter is a word of ours sooner than one of the operator's
_MARK: Final = b"tradewarden settings 1\n"
_SIGN: Final = 32  # bytes

Place = tuple[int, int, int]  # which text, from where, how many bytes


class _UnkeepableError(Exception):
    """A secret that stands nowhere as it is."""


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, texts: tuple[bytes, ...]) -> None:
        super().__init__(file, protocol=5)
        self.dispatch_table = TABLE
        self._texts = texts

    def persistent_id(self, one: Any) -> tuple[bool, Place] | None:
        """The place of what stands in a text; a secret must."""
        if type(one) is Secret:
            place = self._place(one.get_secret_value())
            if place is None:
                raise _UnkeepableError
            return True, place
        place = self._place(one) if type(one) is str and len(one) >= SHORTEST else None
        return None if place is None else (False, place)

    def stands(self, word: str) -> bool:
        """Whether an operator's word stands as it is in one of the texts, or is too short to tell anything."""
        return len(word) < SHORTEST or self._place(word) is not None

    def _place(self, value: str) -> Place | None:
        sought = os.fsencode(value)
        for number, text in enumerate(self._texts):
            if (at := text.find(sought)) >= 0:
                return number, at, len(sought)
        return None


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, texts: tuple[bytes, ...]) -> None:
        super().__init__(file)
        self._texts = texts

    def find_class(self, module: str, name: str) -> Any:
        """Only what settings are made of."""
        return find_ours(module, name)

    def persistent_load(self, told: tuple[bool, Place]) -> Any:
        """What stands at this place."""
        is_secret, (number, at, length) = told
        value = os.fsdecode(self._texts[number][at : at + length])
        return Secret(value) if is_secret else sys.intern(value)


def kept(settings: Settings, calendar: bytes, before: Grounds) -> bytes | None:
    """What to keep of settings that were made from these; nothing where that would not do."""
    packed = io.BytesIO()
    try:
        writer = _Writer(packed, before.texts)
        if not all(map(writer.stands, _spoken(settings))):
            return None
        writer.dump((witnesses(settings, before.at), settings, calendar))
    except (UnwitnessedError, _UnkeepableError):
        return None
    body = packed.getvalue()
    return _MARK + before.digest + hashlib.sha256(body).digest() + body


def _spoken(settings: Settings) -> Iterator[str]:
    """The words of an operator that may be secret though nobody says so: commands, and variables of programs."""
    for each in (*settings.programs, *settings.scheduled):
        if each.kind is not Kind.CONTAINERS:
            yield from each.command
        yield from (value for value in each.environment.values() if isinstance(value, str))


def keep(state: Path, note: bytes) -> None:
    """Write it down for the next start; where that cannot be done, that one takes longer."""
    new = state / f"{NAME}.new"
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(note)
        new.replace(state / NAME)
    except OSError:
        new.unlink(missing_ok=True)


def recalled(now: Grounds) -> tuple[Settings, bytes] | None:
    """The settings and the packed calendar, if they were made from the same; nothing otherwise, for whatever reason."""
    try:
        body = _body(now)
        if body is None:
            return None
        told, settings, calendar = _Reader(io.BytesIO(body), now.texts).load()
        return (settings, calendar) if hold(told) else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ImportError, EOFError, pickle.PickleError):
        return None


def _body(now: Grounds) -> bytes | None:
    folder = now.state.stat()
    if folder.st_uid != os.geteuid() or folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    with os.fdopen(os.open(now.state / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        is_ours = status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o600  # noqa: PLR2004
        if not stat.S_ISREG(status.st_mode) or not is_ours or status.st_size > LARGEST:
            return None
        if file.read(len(_MARK)) != _MARK or file.read(_SIGN) != now.digest:
            return None
        sign, body = file.read(_SIGN), file.read()
    return body if hashlib.sha256(body).digest() == sign else None
