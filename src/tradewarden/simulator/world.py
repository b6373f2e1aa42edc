"""How the simulated broker behaves right now; the same words a rehearsal script uses."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Profile = Literal["ok", "dead", "unreachable", "throttled"]
Socket = Literal["accept", "403", "refuse", "blackhole", "429"]
Ticks = Literal["flowing", "none"]
Http = Literal["ok", "500"]

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "profile": get_args(Profile),
    "socket": get_args(Socket),
    "ticks": get_args(Ticks),
    "http": get_args(Http),
}
LONGEST_DRIP_MS: Final = 60_000
_YES_NO: Final = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}


class WorldError(ValueError):
    """A behaviour that the simulated broker does not know."""


@dataclass(slots=True)
class World:
    """What the broker does to everybody who calls, until somebody changes it."""

    profile: Profile = "ok"
    socket: Socket = "accept"
    heartbeats: bool = True
    ticks: Ticks = "flowing"
    http: Http = "ok"
    drip_ms: int = 0
    silent: str = ""  # tokens of instruments that do not tick, not even a snapshot

    @property
    def silent_tokens(self) -> frozenset[int]:
        """The instruments that do not tick."""
        return frozenset(int(token) for token in self.silent.split(", ") if token)

    def change(self, wishes: Mapping[str, object]) -> None:
        """Behave differently from now on; only what is named changes, and one wrong wish changes nothing."""
        parsed = {name: _parse(name, value) for name, value in wishes.items()}
        for name, value in parsed.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, object]:
        """The behaviours as the page, the state and rehearsal scripts name them."""
        return asdict(self)


def _parse(name: str, value: object) -> object:
    parser = _PARSERS.get(name)
    if parser is None:
        raise WorldError(f"there is no behaviour {name!r}; allowed: {', '.join(_PARSERS)}")
    return parser(name, value)


def _choice(name: str, value: object) -> str:
    wished = str(value)  # 403 may arrive as a number
    if wished not in CHOICES[name]:
        raise WorldError(f"{name} cannot be {wished!r}; allowed: {', '.join(CHOICES[name])}")
    return wished


def _yes_no(name: str, value: object) -> bool:
    wished = _YES_NO.get(str(value).lower())
    if wished is None:
        raise WorldError(f"{name} cannot be {str(value)!r}; allowed: true, false")
    return wished


def _milliseconds(name: str, value: object) -> int:
    text = str(value)
    if not (text.isascii() and text.isdecimal() and len(text) < 9 and int(text) <= LONGEST_DRIP_MS):  # noqa: PLR2004 - keeps int() short
        raise WorldError(f"{name} cannot be {text!r}; allowed: a whole number from 0 to {LONGEST_DRIP_MS}")
    return int(text)


def _tokens(name: str, value: object) -> str:
    words = value if isinstance(value, list) else str(value).replace(",", " ").split()
    told = [str(word) for word in words]
    if not all(word.isascii() and word.isdecimal() and len(word) < 11 for word in told):  # noqa: PLR2004 - of 32 bits
        raise WorldError(f"{name} cannot be {str(value)!r}; allowed: instrument tokens, such as 256265, 738561")
    return ", ".join(dict.fromkeys(told))


_PARSERS: Final[dict[str, Callable[[str, object], object]]] = {
    "profile": _choice,
    "socket": _choice,
    "heartbeats": _yes_no,
    "ticks": _choice,
    "http": _choice,
    "drip_ms": _milliseconds,
    "silent": _tokens,
}
