"""Where the broker's token lives: in our own file, in files that other programs write, and in files made for them."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from tradewarden.machines.auth import Token
from tradewarden.orchestrator.token_file import (
    Found,
    Known,
    Stamp,
    UnusableFileError,
    digest,
    export,
    look,
    read_own,
    read_watched,
    write_own,
)

PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ESTALE, errno.EINTR, errno.EAGAIN})
MEMORY = 256  # values whose generation is remembered; a desk sees a few a day

log = structlog.get_logger()


class TryAgainError(Exception):
    """The files cannot be read just now; what is known of them still holds."""


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
        self._known: dict[str, Known] = {}
        self._highest = 0
        self._seen: dict[Path, Stamp | None] = {}
        self._told: dict[Path, str] = {}

    def __repr__(self) -> str:
        return f"TokenStore({str(self._path)!r})"

    def changed(self) -> bool:
        """Whether any of the files changed since it was last read; costs one look at each."""
        return any(path not in self._seen or self._seen[path] != look(path) for path in (self._path, *self._watched))

    def load(self) -> Token | None:
        """The token that was minted last, none when no file holds one."""
        return next(iter(self.tokens()), None)

    def tokens(self) -> list[Token]:
        """Every token that a file holds, the one that was minted last first.

        A file of ours that cannot be understood is kept aside and its new name logged; others' files are left alone.
        Raises TryAgainError when the host cannot read files just now.
        """
        candidates = [found for found in (self._own(), *map(self._foreign, self._watched)) if found is not None]
        for found in sorted(candidates, key=lambda found: found.minted_at):
            self._remember(found)
        tokens = [self._token(value) for value in dict.fromkeys(found.value for found in candidates)]
        return sorted(tokens, key=lambda token: (token.minted_at, token.generation), reverse=True)

    def renew(self, token: Token) -> Token:
        """The same value as the newest generation: it is looked at once more although newer ones were seen since."""
        self._highest += 1
        self._known[digest(token.value)] = replace(self._known[digest(token.value)], generation=self._highest)
        return self._token(token.value)

    def save(self, value: str, *, user_id: str | None, minted_at: datetime) -> Token:
        """Keep the token of a login, readable by nobody else, and write it where other programs look for it.

        A disk that takes nothing costs the desk its memory of the token, not the login.
        """
        self._remember(Found(value, minted_at, user_id, ours=True))
        token = self._token(value)
        try:
            write_own(self._path, token, self._known)
        except OSError as trouble:
            log.error("auth.token_not_saved", path=str(self._path), why=_why(trouble))  # noqa: TRY400 - see _export
        self._seen[self._path] = look(self._path)
        for path in self._exports:
            self._export(path, token)
        return token

    def drop(self) -> None:
        """Forget the token of the last login, also where it was written for other programs; their own are theirs."""
        own = self._own()
        if own is not None:
            for path in self._exports:
                self._take_back(path, own)
        try:
            self._path.unlink(missing_ok=True)
        except OSError as trouble:
            log.error("auth.token_not_forgotten", path=str(self._path), why=_why(trouble))  # noqa: TRY400 - see _export
        self._seen[self._path] = look(self._path)

    # Reading

    def _own(self) -> Found | None:
        self._seen[self._path] = look(self._path)
        try:
            own = read_own(self._path)
        except FileNotFoundError:
            return None
        except (UnusableFileError, OSError) as trouble:
            self._try_again_later(self._path, trouble)
            self._keep_aside(_why(trouble))
            return None
        self._known = dict(own.earlier) | self._known
        self._highest = max(self._highest, *(known.generation for known in self._known.values()), 0)
        return own.found if self._is_ours(self._path, own.found) else None

    def _keep_aside(self, why: str) -> None:
        aside = self._path.with_name(f"{self._path.name}.corrupt-{self._now():%Y%m%dT%H%M%S}")
        try:
            self._path.rename(aside)
        except OSError as trouble:
            log.warning("auth.token_file_stuck", path=str(self._path), why=_why(trouble))
            aside = self._path
        else:
            self._seen[self._path] = None
        log.warning("auth.token_file_corrupt", path=str(self._path), kept_as=str(aside), why=why)

    def _foreign(self, path: Path) -> Found | None:
        self._seen[path] = look(path)  # before reading: what changes meanwhile shows as a change
        try:
            found = read_watched(path)
        except (UnusableFileError, OSError) as trouble:
            self._try_again_later(path, trouble)
            self._tell(path, "auth.token_file_unusable", _why(trouble))
            return None
        if not self._is_ours(path, found):
            return None
        self._told.pop(path, None)
        return found

    def _try_again_later(self, path: Path, trouble: Exception) -> None:
        """A host that is out of descriptors or memory, or a disk that stutters, says nothing about the file."""
        if isinstance(trouble, OSError) and trouble.errno in PASSING:
            self._seen.pop(path, None)
            self._tell(path, "auth.token_file_unreadable_now", _why(trouble))
            raise TryAgainError(f"{path}: {_why(trouble)}") from trouble

    def _is_ours(self, path: Path, found: Found) -> bool:
        if self._user_id is None or found.user_id in (None, self._user_id):
            return True
        self._tell(path, "auth.other_account", f"it belongs to {found.user_id}, this desk to {self._user_id}")
        return False

    def _tell(self, path: Path, event: str, why: str) -> None:
        if self._told.get(path) != why:
            log.warning(event, path=str(path), why=why)
        self._told[path] = why

    # Generations

    def _remember(self, found: Found) -> None:
        key = digest(found.value)
        known = self._known.pop(key, None)
        if known is None:
            known = Known(max(self._highest + 1, found.generation), found.minted_at, found.user_id)
        elif found.ours:  # what we wrote ourselves says more than a copy's time of writing
            known = Known(max(known.generation, found.generation), found.minted_at, found.user_id or known.user_id)
        elif known.user_id is None:
            known = replace(known, user_id=found.user_id)
        self._highest = max(self._highest, known.generation)
        self._known[key] = known  # the values seen last stand last
        if len(self._known) > MEMORY:
            del self._known[next(iter(self._known))]

    def _token(self, value: str) -> Token:
        known = self._known[digest(value)]
        return Token(value, known.generation, known.minted_at, known.user_id)

    def _export(self, path: Path, token: Token) -> None:
        try:
            export(path, token)
        except (UnusableFileError, OSError) as trouble:
            log.error("auth.export_failed", path=str(path), why=_why(trouble))  # noqa: TRY400 - a traceback says no more

    def _take_back(self, path: Path, own: Found) -> None:
        """A token that another program wrote there meanwhile stays as it is."""
        try:
            if read_watched(path).value == own.value:
                self._export(path, Token("", 0, self._now(), own.user_id))
        except (UnusableFileError, OSError):  # not there, or not ours to empty
            return


def _why(trouble: Exception) -> str:
    return trouble.strerror or type(trouble).__name__ if isinstance(trouble, OSError) else str(trouble)
