"""Where a server is, as an operator writes it: a port, host:port, the path of a socket, or a URL."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

HERE: Final = "127.0.0.1"
OURS: Final = frozenset({HERE, "localhost", "::1", "0.0.0.0", "::"})  # noqa: S104 - names of this machine
_WEB: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A server's place, and who asks; `str` tells it without the secret."""

    host: str  # or the path of a Unix socket
    port: int = 0
    scheme: str = ""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    path: str = ""  # behind the port, without the slash

    @property
    def is_here(self) -> bool:
        """Whether it is a port of this machine, as far as its name tells."""
        return self.host in OURS

    def __str__(self) -> str:
        if self.host.startswith("/"):
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def web_address(url: str) -> Address:
    """The server in a URL. Raises ValueError with what is allowed."""
    try:
        parts = urlsplit(url)
        port = parts.port if parts.port is not None else _WEB.get(parts.scheme, 0)
    except ValueError:
        port = 0
    if not port or parts.scheme not in _WEB or not parts.hostname:
        raise ValueError("allowed is an address that begins with http:// or https://")
    return Address(parts.hostname, port, parts.scheme)


def address_of(text: str, *, schemes: tuple[str, ...] = (), port: int | None = None) -> Address:
    """The address in this text; `port` is the one that such a server usually has.

    Raises ValueError with what is allowed, and never with the text itself, which may hold a password.
    """
    text = text.strip()
    if not text and port is not None:
        return Address(HERE, port)
    if text.isascii() and text.isdecimal():
        text = f"{HERE}:{text}"
    if text.startswith("/"):
        return Address(text)
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        return _address(parts, schemes, port)
    except ValueError:
        raise ValueError(f"allowed is {_allowed(schemes, port)}") from None


def _address(parts: SplitResult, schemes: tuple[str, ...], port: int | None) -> Address:
    if parts.scheme == "unix" and "unix" in schemes and parts.path.startswith("/"):
        return Address(parts.path, 0, "unix", parts.username, parts.password)
    found = parts.port or port
    if not parts.hostname or not found or (parts.scheme and parts.scheme not in schemes) or " " in parts.netloc:
        raise ValueError
    user, password = (None if told is None else unquote(told) for told in (parts.username, parts.password))
    return Address(parts.hostname, found, parts.scheme, user, password, parts.path.strip("/"))


def _allowed(schemes: tuple[str, ...], port: int | None) -> str:
    ways = ["a port such as 8050", "host:port", "the path of its socket"]
    ways += [f"{scheme}://…" for scheme in schemes]
    return f"{', '.join(ways[:-1])} or {ways[-1]}" + ("" if port is None else f"; {port} is its usual port")
