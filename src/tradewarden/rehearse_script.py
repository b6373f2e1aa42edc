"""Rehearsal scripts: one JSON object a line, each something that happens at its time or must be true then."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tradewarden.machines.account import FEEDING
from tradewarden.simulator.world import World, WorldError

DEEDS: Final = ("login", "bad_login", "token_file", "drop_socket", "expire_token", "stop")
VERBS: Final = ("start", "world", "do", "expect")
ALL_DEEDS: Final = (*DEEDS, "api_error", "calendar_file", "clock_jump", "venue_status")
OF_AN_ACCOUNT: Final = ("login", "bad_login", "token_file", "expire_token", "api_error")
NEEDS_DESK: Final = ("login", "bad_login", "api_error", "venue_status", "stop")

AUTH: Final = ("unknown", "required", "exchanging", "verifying", "valid", "expiring", "expired")
FEED: Final = ("halted", "blocked_on_auth", "connecting", "connected", "streaming", "stale", "backing_off")
MARKET: Final = ("unknown", "closed", "pre_open", "live", "closing_auction", "post_close", "halted")
STATUS: Final = ("pass", "warn", "fail")
LAYERS: Final = ("system", "auth", "feed", "journal", "services", "sinks", "calendar", "market")
SEGMENT_FACTS: Final = ("market", "session", "phase", "reason")


class ScriptError(ValueError):
    """A script that cannot be played; the text says which line, what is wrong and what is allowed there."""


@dataclass(frozen=True, slots=True)
class Start:
    """The daemon starts."""

    segments: tuple[str, ...]
    token: str | None  # of every account: stored, none, or as the file is
    stored_at: datetime
    accounts: tuple[str, ...] = ()  # besides the feeding one
    instruments: tuple[int, ...] = ()  # that are watched one by one; none when the script does not care


@dataclass(frozen=True, slots=True)
class Behave:
    """The broker behaves differently from now on."""

    wishes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Do:
    """A person or the network does something."""

    deed: str
    account: str = FEEDING


@dataclass(frozen=True, slots=True)
class ApiError:
    """Another program of the desk reports what the broker told it."""

    kind: str
    message: str
    generation: str
    account: str = FEEDING


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """An override file appears."""

    toml: str


@dataclass(frozen=True, slots=True)
class ClockJump:
    """The clock on the wall steps."""

    seconds: float


@dataclass(frozen=True, slots=True)
class VenueStatus:
    """A round-the-clock venue says of itself how it is."""

    segment: str
    status: str


@dataclass(frozen=True, slots=True)
class Expect:
    """What must be true."""

    facts: Mapping[str, object]


Event = Start | Behave | Do | ApiError | CalendarFile | ClockJump | VenueStatus | Expect


@dataclass(frozen=True, slots=True)
class Step:
    """One line: what happens when."""

    line: int
    at: datetime
    event: Event


def read_script(lines: Iterable[str], *, segments: frozenset[str]) -> list[Step]:
    """The whole script, or a ScriptError for its first mistake; `segments` are those of the shipped calendar."""
    reader = _Reader(segments)
    steps = [reader.step(number, text) for number, text in enumerate(lines, 1) if text.strip()]
    if not steps:
        raise ScriptError('the script is empty; it needs at least {"at": …, "start": {"segments": […]}}')
    return steps


class _Reader:
    """Reads line after line; remembers what a later line must fit."""

    def __init__(self, segments: frozenset[str]) -> None:
        self._known = set(segments)
        self._segments: tuple[str, ...] = ()
        self._accounts: tuple[str, ...] = (FEEDING,)
        self._last: datetime | None = None
        self._started = self._running = False

    def step(self, number: int, text: str) -> Step:
        try:
            content = json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
            content = _braced("the line", content)
            at = self._at(content)
            return Step(number, at, self._event(content, at))
        except (ScriptError, WorldError) as mistake:
            raise ScriptError(f"line {number}: {mistake}") from None
        except (json.JSONDecodeError, RecursionError) as mistake:
            raise ScriptError(f"line {number}: no JSON ({mistake}); allowed: one object a line, in braces") from None

    def _at(self, content: dict[str, Any]) -> datetime:
        moment = _moment("at", content.get("at"))
        if self._last is not None and moment < self._last:
            raise ScriptError(f"at {content['at']} is before the line above ({self._last.isoformat()}); at must ascend")
        self._last = moment
        return moment

    def _event(self, content: dict[str, Any], at: datetime) -> Event:
        verbs = [verb for verb in VERBS if verb in content]
        if len(verbs) != 1:
            found = " and ".join(verbs) or ", ".join(key for key in content if key != "at") or "nothing"
            raise ScriptError(f"found {found} beside at; allowed: exactly one of {', '.join(VERBS)}")
        verb = verbs[0]
        if verb == "do":
            return self._do(content)
        _only(content, "at", verb)
        body = _braced(verb, content[verb])
        match verb:
            case "start":
                return self._start(body, at)
            case "world":
                return _behave(body)
            case _:
                return self._expect(body)

    def _start(self, body: dict[str, Any], at: datetime) -> Start:
        _only(body, "segments", "token", "stored_at", "accounts", "instruments")
        if self._running:
            raise ScriptError('the daemon runs already; allowed: start once, and again after {"do": "stop"}')
        segments = body.get("segments", ["NSE_EQ", "NFO"])
        if not isinstance(segments, list) or not segments or len(set(map(str, segments))) != len(segments):
            raise ScriptError(f"segments is {_shown(segments)}; allowed: a list of {self._all_segments()}, each once")
        for segment in segments:
            if segment not in self._known:
                raise ScriptError(f"segment {_shown(segment)} is in no calendar; allowed: {self._all_segments()}")
        self._segments = tuple(segments)
        self._started = self._running = True
        further = _accounts(body.get("accounts", []))
        self._accounts = (FEEDING, *further)
        return Start(self._segments, *_token(body, at), further, _instruments(body))

    def _all_segments(self) -> str:
        return ", ".join(sorted(self._known))

    def _do(self, content: dict[str, Any]) -> Event:
        deed = _choice("do", content["do"], ALL_DEEDS)
        if deed in NEEDS_DESK and not self._running:
            raise ScriptError(f"{deed} needs a running daemon; allowed: after a start line")
        if deed == "stop":
            self._running = False
        whose = ("account",) if deed in OF_AN_ACCOUNT else ()
        account = _choice("account", content.get("account", FEEDING), self._accounts) if whose else FEEDING
        match deed:
            case "api_error":
                _only(content, "at", "do", "type", "message", "generation", *whose)
                kind, message = _text("type", content.get("type")), _text("message", content.get("message", ""))
                generation = _choice("generation", content.get("generation", "current"), ("current", "previous"))
                return ApiError(kind, message, generation, account)
            case "calendar_file":
                _only(content, "at", "do", "toml")
                toml = _text("toml", content.get("toml"))
                self._known |= _segments_of(toml)
                return CalendarFile(toml)
            case "clock_jump":
                _only(content, "at", "do", "seconds")
                return ClockJump(_seconds(content.get("seconds")))
            case "venue_status":
                _only(content, "at", "do", "segment", "status")
                segment = _choice("segment", content.get("segment"), self._segments)
                return VenueStatus(segment, _text("status", content.get("status")))
            case _:
                _only(content, "at", "do", *whose)
                return Do(deed, account)

    def _expect(self, body: dict[str, Any]) -> Expect:
        if not self._started:
            raise ScriptError("nothing can be expected of a daemon that never started; allowed: after a start line")
        for key, value in body.items():
            self._check(key, value)
        return Expect(body)

    def _check(self, key: str, value: object) -> None:
        fact, _, segment = key.partition(".")
        if key in _FACTS:
            _FACTS[key](key, value)
        elif fact == "auth" and segment in self._accounts[1:]:
            _choice(key, value, AUTH)
        elif fact in SEGMENT_FACTS and segment in self._segments:
            if fact == "market":
                _choice(key, value, MARKET)
            elif value is not None:
                _text(key, value)
        else:
            per_segment = [f"auth.{account}" for account in self._accounts[1:]]
            per_segment += [f"{fact}.{segment}" for fact in SEGMENT_FACTS for segment in self._segments]
            raise ScriptError(f"expect knows no {_shown(key)}; allowed: {', '.join([*_FACTS, *per_segment])}")


def _accounts(value: object) -> tuple[str, ...]:
    """The further accounts of the desk, by their names."""
    names = value if isinstance(value, list) else [None]
    good = all(isinstance(name, str) and name.isidentifier() and name != FEEDING for name in names)
    if not good or len(set(names)) != len(names):
        raise ScriptError(f"accounts is {_shown(value)}; allowed: a list of names such as family, each once")
    return tuple(names)


def _token(body: dict[str, Any], at: datetime) -> tuple[str | None, datetime]:
    """What lies in the token file, and when it was minted."""
    token = _choice("token", body["token"], ("stored", "none")) if "token" in body else None
    if "stored_at" not in body:
        return token, at
    stored_at = _moment("stored_at", body["stored_at"])
    if token == "none" or stored_at > at:  # noqa: S105 - the script's word
        raise ScriptError(f"stored_at is {_shown(body['stored_at'])}; allowed: with a stored token, any time up to at")
    return "stored", stored_at


def _instruments(body: dict[str, Any]) -> tuple[int, ...]:
    """The tokens that are streamed and watched one by one; none when the script does not care."""
    tokens = body.get("instruments", [])
    known = isinstance(tokens, list) and all(type(token) is int and 0 < token < _TOKENS for token in tokens)
    if not known or len(set(tokens)) < len(tokens) or ("instruments" in body and not tokens):
        raise ScriptError(f"instruments is {_shown(tokens)}; allowed: a list of tokens such as [256265], each once")
    return tuple(tokens)


def _behave(body: dict[str, Any]) -> Behave:
    World().change(body)  # a wrong wish is told now, not at its time
    return Behave(body)


def _braced(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ScriptError(f"{name} is {_shown(value)}; allowed: an object, in braces")
    return value


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ScriptError(f"{name} is {_shown(value)}; allowed: {', '.join(allowed)}")
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ScriptError(f"{name} is {_shown(value)}; allowed: a text in quotes")
    return value


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > _YEAR:
        raise ScriptError(f"seconds is {_shown(value)}; allowed: a number up to a year's, negative for a step back")
    return value


def _moment(name: str, value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ScriptError(
            f"{name} is {_shown(value)}; allowed: ISO 8601 with an offset, such as 2026-11-23T09:15:00+05:30"
        )
    return moment


def _count(key: str, value: object) -> None:
    if type(value) is not int or value < 0:
        raise ScriptError(f"{key} is {_shown(value)}; allowed: a whole number from 0 up")


def _http(key: str, value: object) -> None:
    if value not in (200, 503) or isinstance(value, bool):
        raise ScriptError(f"{key} is {_shown(value)}; allowed: 200, 503")


def _headline(key: str, value: object) -> None:
    layer, dot, state = str(value).partition(".")
    if not isinstance(value, str) or layer not in LAYERS or not dot or not state:
        raise ScriptError(
            f"{key} is {_shown(value)}; allowed: a code such as market.live; it begins with {', '.join(LAYERS)}"
        )


def _one_of(*allowed: str) -> Callable[[str, object], object]:
    return lambda key, value: _choice(key, value, allowed)


_TOKENS: Final = 2**32
_YEAR: Final = 366 * 24 * 3600
_FACTS: Final[dict[str, Callable[[str, object], object]]] = {
    "headline": _headline,
    "status": _one_of(*STATUS),
    "http": _http,
    "auth": _one_of(*AUTH),
    "feed": _one_of(*FEED),
    "dials_since_start": _count,
    "silent": _count,
    "gaps": _count,
}


def _only(content: Mapping[str, object], *allowed: str) -> None:
    for key in content:
        if key not in allowed:
            raise ScriptError(f"unknown key {_shown(key)}; allowed: {', '.join(allowed)}")


def _segments_of(toml: str) -> frozenset[str]:
    """The segments that a calendar file names; a bad file is no mistake of the script, it may be what is rehearsed."""
    try:
        named = tomllib.loads(toml).get("segments", {})
    except tomllib.TOMLDecodeError:
        return frozenset()
    return frozenset(named) if isinstance(named, dict) else frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = next(key for index, (key, _) in enumerate(pairs) if key in dict(pairs[:index]))
        raise ScriptError(f"{_shown(twice)} stands twice; allowed: each key once")
    return content


def _no_number(name: str) -> float:
    raise ScriptError(f"{name} is no number of JSON; allowed: plain numbers")


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."  # noqa: PLR2004 - a line of a terminal
