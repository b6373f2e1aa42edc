"""One file with a token: ours, an .env, JSON, or the bare token; read with suspicion, written in one step."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from tradewarden.machines.auth import Token

LARGEST = 64 * 1024
EARLIER = 16  # values whose place in the order outlives the daemon
NAMES = ("KITE_ACCESS_TOKEN", "ZERODHA_ACCESS_TOKEN")  # what other programs of a desk call it in their .env

Stamp = tuple[int, int, int, int]  # change of content, change of permissions, size, inode

_TOKEN = re.compile(r"[!-~]+")  # it travels in a header and in a URL: no blank, no line end, nothing outside ASCII
_BARE = re.compile(r"[\w.+/~-]+", re.ASCII)


class UnusableFileError(Exception):
    """A file that should hold a token does not; the text says why, without quoting it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A token as a file tells it; the generation is 0 where the file knows none."""

    value: str = field(repr=False)
    minted_at: datetime
    user_id: str | None = None
    generation: int = 0
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept of a value that was seen: never the value itself."""

    generation: int
    minted_at: datetime
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class Own:
    """What our own file tells: the token, and which values came before it (by digest)."""

    found: Found
    earlier: Mapping[str, Known]


def digest(value: str) -> str:
    """A name for a token that does not give it away."""
    return hashlib.sha256(value.encode()).hexdigest()


def look(path: Path) -> Stamp | None:
    """How the file looks from outside; none when it cannot be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def read_own(path: Path) -> Own:
    """What the daemon itself saved. Raises OSError or UnusableFileError."""
    body = _json(_read(path)[0])
    generation = body.get("generation")
    found = Found(
        _checked(body["access_token"]),
        _moment(body.get("minted_at")),
        _user(body),
        generation if isinstance(generation, int) and generation > 0 else 0,
        ours=True,
    )
    return Own(found, _earlier(body.get("earlier")))


def read_watched(path: Path) -> Found:
    """The token that another program saved, minted when the file was written. Raises OSError or UnusableFileError."""
    text, status = _read(path)
    user = None
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        body = _json(text)
        value, user = _checked(body["access_token"]), _user(body)
    elif _BARE.fullmatch(text.strip()):
        value = text.strip()
    else:
        value = _checked(_env_value(text))
    return Found(value, datetime.fromtimestamp(status.st_mtime, UTC), user)


def write_own(path: Path, token: Token, known: Mapping[str, Known]) -> None:
    """Save the token for the daemon's next life, with the digests of those before it: a stale copy is no news then."""
    earlier = sorted(
        ((key, old) for key, old in known.items() if old.generation < token.generation),
        key=lambda item: item[1].generation,
    )
    remembered = {
        key: {"generation": old.generation, "minted_at": old.minted_at.isoformat()} for key, old in earlier[-EARLIER:]
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(path, _as_json(_body(token) | {"earlier": remembered}), mode=0o600)


def export(path: Path, token: Token) -> None:
    """Write the token for another program, in the form that the file's name asks for.

    A file that exists keeps its permissions; a link keeps pointing where it did. Raises OSError or UnusableFileError.
    """
    path = path.resolve()
    exists = path.exists()
    mode = stat.S_IMODE(path.stat().st_mode) if exists else 0o600
    if path.suffix == ".env" or path.name.startswith(".env"):
        content = _with_token(_read(path)[0] if exists else "", token.value)
    elif path.suffix == ".json":
        content = _as_json(_body(token))
    else:
        content = token.value + "\n"
    put(path, content, mode)


def put(path: Path, content: str, mode: int) -> None:
    """Write a file anew in one step: a reader finds the old one or the new one, nothing between, even after a crash."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> tuple[str, os.stat_result]:
    """Text and facts of the very same file; never waits, whatever stands at the path."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnusableFileError("not a plain file")
        raw = file.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise UnusableFileError(f"larger than {LARGEST} bytes")
    try:
        return raw.decode("utf-8-sig"), status
    except UnicodeDecodeError:
        raise UnusableFileError("not text") from None


def _json(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise UnusableFileError("not JSON") from None
    if not isinstance(body, dict) or not isinstance(body.get("access_token"), str):
        raise UnusableFileError("it has no access_token")
    return body


def _moment(text: object) -> datetime:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError:
        raise UnusableFileError("minted_at is no date and time") from None
    if moment.tzinfo is None:
        raise UnusableFileError("minted_at has no offset")
    return moment


def _earlier(body: object) -> dict[str, Known]:
    known = {}
    for key, value in (body if isinstance(body, dict) else {}).items():
        match value:
            case {"generation": int(generation), "minted_at": str(minted_at)}:
                known[key] = Known(generation, _moment(minted_at))
            case _:
                raise UnusableFileError("its list of earlier tokens is damaged")
    return known


def _body(token: Token) -> dict[str, object]:
    return {
        "access_token": token.value,
        "generation": token.generation,
        "minted_at": token.minted_at.isoformat(),
        "user_id": token.user_id,
    }


def _as_json(body: Mapping[str, object]) -> str:
    return json.dumps(dict(body), indent=1) + "\n"


def _user(body: Mapping[str, Any]) -> str | None:
    user = body.get("user_id")
    return user if isinstance(user, str) and user else None


def _env_value(text: str) -> str:
    values = dotenv_values(stream=StringIO(text))
    for name in NAMES:
        value = (values.get(name) or "").strip()
        if value:
            return value
    raise UnusableFileError(f"neither {' nor '.join(NAMES)} is in it, nor is it a bare token")


def _checked(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise UnusableFileError("its token is empty or has characters that no token has")
    return value


def _with_token(text: str, value: str) -> str:
    """The same lines with the token under each of our names that stands there; under the first name if none does."""
    parts, placed = [], False
    for line in parse_stream(StringIO(text)):
        original = line.original.string
        if line.key in NAMES:
            head = original[: original.index(line.key)].replace("'", "")  # dotenv allows quotes around a name
            original = f"{head}{line.key}={value}\n"
            placed = True
        parts.append(original)
    if not placed:
        if parts and not parts[-1].endswith("\n"):
            parts.append("\n")
        parts.append(f"{NAMES[0]}={value}\n")
    return "".join(parts)
