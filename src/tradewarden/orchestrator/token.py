"""Where the broker's token lives: our own file, files that others write, and files that are written for others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import structlog
from dotenv import dotenv_values, set_key

from tradewarden.machines.auth import Token

LARGEST_FILE = 64 * 1024
NAMES = ("KITE_ACCESS_TOKEN", "ZERODHA_ACCESS_TOKEN")  # what other programs of a desk call it in their .env

log = structlog.get_logger()

_Signature = tuple[tuple[int, int, int] | None, ...]


class UnusableFileError(Exception):
    """A file that should hold a token does not; the text says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class _Found:
    value: str
    minted_at: datetime
    user_id: str | None
    generation: int = 0


class TokenStore:
    """The newest token of all files. A value keeps its generation for ever, a newer value gets a higher one."""

    def __init__(
        self,
        path: Path,
        *,
        watched: Sequence[Path] = (),
        exports: Sequence[Path] = (),
        now: Callable[[], datetime],
        user_id: str | None = None,
    ) -> None:
        self._path = path
        self._watched = tuple(watched)
        self._exports = tuple(exports)
        self._now = now
        self._user_id = user_id
        self._generations: dict[str, int] = {}
        self._read: _Signature | None = None
        self._told: dict[Path, str] = {}

    def changed(self) -> bool:
        """Whether any of the files changed since it was last read; costs one look at each."""
        return self._signature() != self._read

    def load(self) -> Token | None:
        """The token that was minted last, none when no file holds one.

        A file of ours that cannot be understood is kept aside and its name logged; others' files are left alone.
        """
        self._read = self._signature()
        found = [file for file in (self._own(), *map(self._foreign, self._watched)) if file is not None]
        self._read = self._signature()  # a file of ours may just have been moved aside
        newest: Token | None = None
        for file in sorted(found, key=lambda file: file.minted_at):
            newest = self._token(file)
        return newest

    def save(self, value: str, *, user_id: str | None, minted_at: datetime) -> Token:
        """Keep the token of a login, readable by nobody else, and write it where others look for it."""
        token = self._token(_Found(value, minted_at, user_id))
        body = {
            "access_token": token.value,
            "generation": token.generation,
            "minted_at": token.minted_at.isoformat(),
            "user_id": token.user_id,
        }
        _replace(self._path, json.dumps(body, indent=1).encode() + b"\n")
        for path in self._exports:
            self._export(path, token)
        self._read = self._signature()
        return token

    def drop(self) -> None:
        """Forget the token of the last login; files of other programs are theirs."""
        self._path.unlink(missing_ok=True)
        self._read = self._signature()

    # Reading

    def _own(self) -> _Found | None:
        try:
            return _parse_json(_read(self._path))
        except FileNotFoundError:
            return None
        except (UnusableFileError, OSError) as trouble:
            aside = self._path.with_name(f"{self._path.name}.corrupt-{self._now():%Y%m%dT%H%M%S}")
            with contextlib.suppress(OSError):  # a file that cannot even be moved is still told about
                self._path.rename(aside)
            log.error("auth.token_file_corrupt", path=str(self._path), kept_as=str(aside), why=_why(trouble))  # noqa: TRY400 - no traceback
            return None

    def _foreign(self, path: Path) -> _Found | None:
        try:
            text = _read(path)
            minted_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found = _parse_foreign(path, text, minted_at)
        except (UnusableFileError, OSError) as trouble:
            why = _why(trouble)
            if self._told.get(path) != why:
                log.warning("auth.token_file_unusable", path=str(path), why=why)
            self._told[path] = why
            return None
        self._told.pop(path, None)
        return found

    def _token(self, found: _Found) -> Token:
        key = hashlib.sha256(found.value.encode()).hexdigest()
        generation = self._generations.get(key)
        if generation is None:
            generation = max([found.generation, *(known + 1 for known in self._generations.values()), 1])
            self._generations[key] = generation
        return Token(found.value, generation, found.minted_at, found.user_id)

    def _signature(self) -> _Signature:
        return tuple(_stamp(path) for path in (self._path, *self._watched))

    # Writing for others

    def _export(self, path: Path, token: Token) -> None:
        try:
            _write_for_others(path, token)
        except OSError as trouble:
            log.error("auth.export_failed", path=str(path), why=_why(trouble))  # noqa: TRY400 - no traceback


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _why(trouble: Exception) -> str:
    return trouble.strerror or type(trouble).__name__ if isinstance(trouble, OSError) else str(trouble)


def _read(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise UnusableFileError(f"larger than {LARGEST_FILE} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise UnusableFileError("not text") from None


def _parse_json(text: str) -> _Found:
    try:
        body = json.loads(text)
    except ValueError:
        raise UnusableFileError("not JSON") from None
    match body:
        case {"access_token": str(value), "minted_at": str(minted), **rest} if value:
            try:
                minted_at = datetime.fromisoformat(minted)
            except ValueError:
                raise UnusableFileError("minted_at is no date and time") from None
            if minted_at.tzinfo is None:
                raise UnusableFileError("minted_at has no offset")
            user, generation = rest.get("user_id"), rest.get("generation")
            return _Found(
                value,
                minted_at,
                user if isinstance(user, str) else None,
                generation if isinstance(generation, int) and generation > 0 else 0,
            )
        case _:
            raise UnusableFileError("it has no access_token and minted_at")


def _parse_foreign(path: Path, text: str, minted_at: datetime) -> _Found:
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        return _parse_foreign_json(text, minted_at)
    bare = text.strip()
    if bare and "=" not in bare and len(bare.split()) == 1:
        return _Found(bare, minted_at, None)
    values = dotenv_values(stream=StringIO(text), interpolate=False)
    for name in NAMES:
        value = (values.get(name) or "").strip()
        if value:
            return _Found(value, minted_at, None)
    raise UnusableFileError(f"neither {' nor '.join(NAMES)} is in it, nor is it a bare token")


def _parse_foreign_json(text: str, minted_at: datetime) -> _Found:
    try:
        body = json.loads(text)
    except ValueError:
        raise UnusableFileError("not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str) or not body["access_token"]:
        raise UnusableFileError("it has no access_token")
    user = body.get("user_id")
    return _Found(body["access_token"], minted_at, user if isinstance(user, str) else None)


def _replace(path: Path, content: bytes) -> None:
    """Write a file anew in one step, 0600, so that a reader finds the old one or the new one and nothing between."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write_for_others(path: Path, token: Token) -> None:
    if path.suffix == ".env" or path.name.startswith(".env"):
        existed = path.exists()
        name = next((known for known in NAMES if existed and known in dotenv_values(path)), NAMES[0])
        if not existed:
            _replace(path, b"")
        set_key(path, name, token.value, quote_mode="never")
    elif path.suffix == ".json":
        body = {"access_token": token.value, "user_id": token.user_id, "minted_at": token.minted_at.isoformat()}
        _replace(path, json.dumps(body, indent=1).encode() + b"\n")
    else:
        _replace(path, token.value.encode() + b"\n")
