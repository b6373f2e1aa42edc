"""A backup: one tar file with all that the desk must not lose, taken while it runs, and put back into an empty place.

In it: the ledger, tokens, orders and own calendars, the journal with its cursors; on request the recorded ticks beyond
the journal too. The last member is a manifest with the size and sha256 of each file: an archive without it is not
whole. It holds tokens, so it is a secret itself.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from tradewarden import __version__
from tradewarden.orchestrator.ledger_restored import settle

FORMAT: Final = 1
MANIFEST: Final = "MANIFEST.json"
RESTORING: Final = ".restoring"
TICKS: Final = ("ticks", "ticks.db")  # what can be had from the journal as long as that reaches back
DATABASE: Final = ".db"
LEDGER: Final = "ledger.db"
PASSING: Final = ("lock", "status", "control.sock")  # of a running daemon alone
ASIDE: Final = "before-restore-"  # what a forced restore found there
# Who seals finds out from the files how far they go: this cursor may be ahead of those that come along, and what it
# claims to be sealed would go with the journal.
SEALED: Final = ("journal", "cursors", "parquet.json")


class BackupError(Exception):
    """The backup cannot be made or put back; the text says why and what to do. Nothing has been changed then."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    files: int
    bytes: int


def write_backup(state: Path, out: IO[bytes], now: datetime, *, ticks: bool = False) -> Contents:
    """Write a backup of this state directory; the daemon may be running. Raises OSError of the target."""
    held: dict[str, dict[str, Any]] = {}
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _worth_keeping(state, ticks=ticks):
            name = path.relative_to(state).as_posix()
            digest = _add_database(archive, name, path) if path.suffix == DATABASE else _add(archive, name, path)
            if digest is not None:
                held[name] = digest
        manifest = {
            "format": FORMAT,
            "tradewarden": __version__,
            "made_at": now.isoformat(timespec="seconds"),
            "files": held,
        }
        text = json.dumps(manifest).encode()
        archive.addfile(_member(MANIFEST, len(text), now.timestamp()), io.BytesIO(text))
    return _contents(held)


def restore_backup(source: IO[bytes], state: Path, now: datetime, *, force: bool = False) -> Contents:
    """Put a backup back; the caller holds the directory. Raises BackupError, and has changed nothing then.

    `force` moves what is there aside, into a folder of its own. Where even the way back fails, the error says what is
    where.
    """
    if not force and (there := _inhabitants(state)):
        raise BackupError(
            f"{state} is not empty ({', '.join(there[:3])}{', ...' if len(there) > 3 else ''}): restore into an empty"  # noqa: PLR2004
            " directory, or add --force, which moves what is there aside."
        )
    try:
        with tempfile.TemporaryDirectory(prefix=RESTORING, dir=state) as folder:
            held = _unpack(source, Path(folder))
            if (ledger := Path(folder) / LEDGER).exists():
                settle(ledger, now)
            _exchange(state, Path(folder), now, force=force)
    except OSError as trouble:
        raise BackupError(f"{state}: {trouble.strerror or trouble}; nothing was restored.") from None
    return _contents(held)


# Making one


def size_of(state: Path, *, ticks: bool = False) -> int:
    """About how many bytes a backup of this state directory takes."""
    size = 0
    for path in _worth_keeping(state, ticks=ticks):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def _worth_keeping(state: Path, *, ticks: bool) -> Iterator[Path]:
    """The files to keep, the cursors before the journal: one that is ahead of it would let a store miss ticks."""
    files = [path for path in sorted(state.rglob("*")) if path.is_file() and not path.is_symlink()]
    segments = [path for path in files if path.suffix == ".seg"]
    for path in [*(path for path in files if path.suffix != ".seg"), *segments]:
        parts = path.relative_to(state).parts
        hidden = any(part.startswith(".") for part in parts)
        beside = path.name.endswith(("-wal", "-shm"))  # a database is copied whole, with what lies beside it
        if hidden or beside or any(part in PASSING for part in parts) or (parts[0] in TICKS and not ticks):
            continue
        if parts == SEALED or parts[0].startswith(ASIDE):
            continue
        yield path


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any] | None:
    """Put a file in, as long as it is now; None when it has gone meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None  # a segment or a day whose time had come
    with file:
        told = os.fstat(file.fileno())
        hashed = _Hashed(file, told.st_size)
        archive.addfile(_member(name, told.st_size, told.st_mtime), hashed)
        return {"bytes": told.st_size, "sha256": hashed.digest()}


def _add_database(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any] | None:
    """Put a copy in that SQLite makes, since somebody may be writing."""
    with tempfile.TemporaryDirectory(prefix="tradewarden-") as folder:
        copy = Path(folder) / path.name
        try:
            with (
                closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source,
                closing(sqlite3.connect(copy)) as target,
            ):
                source.backup(target)
        except sqlite3.Error as trouble:
            raise BackupError(f"{path}: {trouble}; the backup was not made.") from None
        return _add(archive, name, copy)


def _member(name: str, size: int, modified: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, int(modified), 0o600
    return member


class _Hashed(io.RawIOBase):
    """So many bytes of a file, and their sha256 once they were read; what the file lacks by then is zeros."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left, self._sha256 = file, size, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(wanted)
        data += bytes(wanted - len(data))  # cut meanwhile: every reader of ours passes such an end over
        self._left -= wanted
        self._sha256.update(data)
        return data

    def digest(self) -> str:
        return self._sha256.hexdigest()


# Putting one back


def _inhabitants(state: Path) -> list[str]:
    return sorted(entry.name for entry in state.iterdir() if entry.name != "lock")


def _unpack(source: IO[bytes], folder: Path) -> dict[str, dict[str, Any]]:
    """Unpack and compare with the manifest; anything that does not agree refuses the whole."""
    found: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(fileobj=source, mode="r|*") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isreg() else None
                if data is None or manifest is not None or not _is_inside(member.name):
                    raise BackupError(f"{member.name!r} has no place in a backup of tradewarden: nothing was restored.")
                if member.name == MANIFEST:
                    manifest = json.load(data)
                else:
                    found[member.name] = _put(data, folder / member.name, member)
    except (tarfile.TarError, EOFError, ValueError, OSError) as trouble:
        if isinstance(trouble, OSError) and trouble.errno is not None:
            raise
        raise BackupError(f"the backup cannot be read: {trouble}; nothing was restored.") from None
    return _agreeing(manifest, found)


def _agreeing(manifest: dict[str, Any] | None, found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if manifest is None:
        raise BackupError("the backup ends before its manifest: it is not whole, nothing was restored.")
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files", {}), dict):
        raise BackupError("its manifest is none of tradewarden's: nothing was restored.")
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"the backup has format {manifest.get('format')}, made by tradewarden {manifest.get('tradewarden')};"
            f" this one knows format {FORMAT}: install that version."
        )
    held: dict[str, dict[str, Any]] | None = manifest.get("files")
    if held is None:
        raise BackupError("its manifest names no files: nothing was restored.")
    for name in sorted(held.keys() | found.keys()):
        if held.get(name) != found.get(name):
            raise BackupError(f"{name} is not what the backup's manifest says: nothing was restored.")
    return held


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


def _put(data: IO[bytes], path: Path, member: tarfile.TarInfo) -> dict[str, Any]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    sha256, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while chunk := data.read(1 << 20):
            file.write(chunk)
            sha256.update(chunk)
            size += len(chunk)
        file.flush()
        os.fsync(file.fileno())
    os.utime(path, (member.mtime, member.mtime))
    return {"bytes": size, "sha256": sha256.hexdigest()}


def _exchange(state: Path, folder: Path, now: datetime, *, force: bool) -> None:
    """What is there goes aside, what was unpacked takes its place; after an error it is as it was before."""
    aside = state / f"{ASIDE}{now:%Y%m%dT%H%M%S}"
    moved: list[tuple[Path, Path]] = []
    try:
        if force:
            aside.mkdir(mode=0o700)
            for name in _inhabitants(state):
                if name not in (aside.name, folder.name) and not name.startswith(ASIDE):
                    _move(state / name, aside / name, moved)
        for entry in sorted(folder.iterdir()):
            _move(entry, state / entry.name, moved)
        _sync(state)
    except OSError as trouble:
        _put_back(moved, aside, trouble)
        raise


def _move(source: Path, target: Path, moved: list[tuple[Path, Path]]) -> None:
    source.rename(target)
    moved.append((source, target))


def _put_back(moved: list[tuple[Path, Path]], aside: Path, trouble: OSError) -> None:
    """Raises BackupError when it cannot."""
    while moved:
        source, target = moved.pop()
        try:
            target.rename(source)
        except OSError as again:
            names = sorted(at.name for _, at in [*moved, (source, target)] if at.parent == aside)
            raise BackupError(
                f"{aside.parent}: {trouble.strerror or trouble}, and then {target.name}: {again.strerror or again}. "
                f"What was there before is in {aside}: {', '.join(names) or 'nothing'}; mend the disk, move it back "
                "from there, and restore again."
            ) from None
    with suppress(OSError):  # there is none without force
        aside.rmdir()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _contents(held: dict[str, dict[str, Any]]) -> Contents:
    return Contents(len(held), sum(each["bytes"] for each in held.values()))
