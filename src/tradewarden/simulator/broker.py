"""The simulated broker's desk: who is logged in, and what it answers to a login, a probe or a dial. No sockets here."""

from __future__ import annotations

import hashlib
import random
import string
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final
from zoneinfo import ZoneInfo

from tradewarden.simulator.world import World

IST: Final = ZoneInfo("Asia/Kolkata")
SOCKETS_PER_TOKEN: Final = 2
REQUEST_TOKEN_LIFE: Final = timedelta(minutes=5)
_ALPHABET: Final = string.ascii_letters + string.digits
_WRONG_KEY: Final = "Incorrect `api_key` or `access_token`."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker says: an HTTP status, and data or the name and text of an error."""

    status: int = 200
    data: Any = None
    error_type: str = ""
    message: str = ""


class Silence(Enum):
    """The two ways of getting no answer: the line is cut, or it stays open and nothing ever comes."""

    HANG_UP = auto()
    SWALLOW = auto()


Reply = Answer | Silence
_TOO_MANY: Final = Answer(429, error_type="NetworkException", message="Too many requests")
_HANDSHAKES: Final[dict[str, Reply]] = {
    "403": Answer(403, error_type="TokenException", message=_WRONG_KEY),
    "429": _TOO_MANY,
    "refuse": Silence.HANG_UP,
    "blackhole": Silence.SWALLOW,
}


class Broker:
    """One api key with its registered account, the tokens it handed out, and the sockets open on each."""

    def __init__(
        self, *, api_key: str, api_secret: str, user_id: str, world: World | None = None, seed: int | None = None
    ) -> None:
        self.api_key = api_key
        self.user_id = user_id
        self.world = World() if world is None else world
        self.tokens: list[str] = []
        self.dials = 0
        self._api_secret = api_secret
        self._rng = random.Random(seed)  # noqa: S311 - simulated tokens; a seed makes a run repeatable
        self._holders: dict[str, str] = {}
        self._requests: dict[str, tuple[str, datetime]] = {}
        self._open: Counter[str] = Counter()

    @property
    def sockets(self) -> int:
        """How many sockets are open now."""
        return self._open.total()

    def state(self) -> dict[str, object]:
        """Everything a test or a page wants to know; all of it simulated, none of it secret."""
        return {
            "api_key": self.api_key,
            "user_id": self.user_id,
            "tokens": list(self.tokens),
            "sockets": self.sockets,
            "dials": self.dials,
            "world": self.world.as_dict(),
        }

    # Logging in and out

    def log_in(self, user_id: str, now: datetime) -> str:
        """A person logged in on the broker's page: the request token that travels back with the redirect."""
        request_token = self._word()
        self._requests[request_token] = (user_id, now + REQUEST_TOKEN_LIFE)
        return request_token

    def exchange(self, api_key: str, request_token: str, checksum: str, now: datetime) -> Reply:
        """The session for a request token: once, in time, and only with the right secret."""
        if self.world.http == "500":
            return self.broken()
        if api_key != self.api_key:
            return Answer(403, error_type="TokenException", message="Invalid `api_key`.")
        user_id, expires = self._requests.get(request_token, ("", now))
        if now >= expires:
            return Answer(403, error_type="TokenException", message="Token is invalid or has expired.")
        if checksum != hashlib.sha256(f"{api_key}{request_token}{self._api_secret}".encode()).hexdigest():
            return Answer(403, error_type="TokenException", message="Invalid `checksum`.")
        del self._requests[request_token]
        session = {
            "access_token": self.mint(user_id),
            "public_token": self._word(),
            "refresh_token": "",
            "enctoken": "",
            "api_key": api_key,
            "login_time": now.astimezone(IST).strftime("%Y-%m-%d %H:%M:%S"),
        }
        return Answer(data=person(user_id) | session)

    def mint(self, user_id: str | None = None) -> str:
        """A fresh access token, as a login would bring it."""
        token = self._word()
        self.tokens.append(token)
        self._holders[token] = user_id or self.user_id
        return token

    def expire(self) -> str | None:
        """Kill the newest token that still lives, whatever the world says; open sockets do not notice."""
        for token in reversed(self.tokens):
            if self._holders.pop(token, None) is not None:
                return token
        return None

    def log_out(self, api_key: str, access_token: str) -> Reply:
        """The broker forgets an access token because its owner asked."""
        if self.world.http == "500":
            return self.broken()
        if api_key != self.api_key or self._holders.pop(access_token, None) is None:
            return Answer(403, error_type="TokenException", message=_WRONG_KEY)
        return Answer(data=True)

    # Calls with an access token

    def profile(self, authorization: str) -> Reply:
        """Who the token belongs to; the call with which a desk asks whether its token is good."""
        match self.world.profile:
            case "unreachable":
                return Silence.HANG_UP
            case "throttled":
                return _TOO_MANY
            case "dead":
                return self.refusal(authorization) or Answer(403, error_type="TokenException", message=_WRONG_KEY)
            case "ok":
                return self.refusal(authorization) or Answer(data=person(self._holder(authorization)))

    def refusal(self, authorization: str) -> Answer | None:
        """Why a call with this Authorization header is turned away; nothing when it is welcome."""
        if self.world.http == "500":
            return self.broken()
        if not self._holder(authorization):
            return Answer(403, error_type="TokenException", message=_WRONG_KEY)
        return None

    @staticmethod
    def broken() -> Answer:
        """The broker has a fault of its own."""
        return Answer(500, error_type="GeneralException", message="Something went wrong. Please try again.")

    def _holder(self, authorization: str) -> str:
        scheme, _, credentials = authorization.partition(" ")
        api_key, _, access_token = credentials.partition(":")
        known = scheme == "token" and api_key == self.api_key
        return self._holders.get(access_token, "") if known else ""

    # Sockets

    def handshake(self, api_key: str | None, access_token: str | None) -> Reply:
        """Whether a socket may open. The token is looked at here and never again while the socket lives."""
        self.dials += 1
        if self.world.socket != "accept":
            return _HANDSHAKES[self.world.socket]
        if not api_key or not access_token:
            return Answer(400, error_type="InputException", message="Missing `api_key` or `access_token`.")
        if api_key != self.api_key or access_token not in self._holders:
            return _HANDSHAKES["403"]
        if self._open[access_token] >= SOCKETS_PER_TOKEN:
            return _TOO_MANY
        return Answer(101)

    def opened(self, access_token: str) -> None:
        """A socket opened with this token."""
        self._open[access_token] += 1

    def closed(self, access_token: str) -> None:
        """A socket of this token is gone."""
        self._open[access_token] -= 1

    def _word(self) -> str:
        return "".join(self._rng.choices(_ALPHABET, k=32))


def person(user_id: str) -> dict[str, object]:
    """The account's facts, as a profile shows them."""
    return {
        "user_id": user_id,
        "user_type": "individual",
        "email": f"{user_id.lower()}@example.invalid",
        "user_name": f"Simulated {user_id}",
        "user_shortname": user_id,
        "broker": "ZERODHA",
        "exchanges": ["NSE", "NFO", "BSE", "BFO", "CDS", "MCX"],
        "products": ["CNC", "NRML", "MIS"],
        "order_types": ["MARKET", "LIMIT", "SL", "SL-M"],
        "avatar_url": None,
        "meta": {"demat_consent": "consent"},
    }
