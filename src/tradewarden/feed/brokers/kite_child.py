"""Kite's REST interface by its official client, in a process of its own: one JSON request in, one JSON answer out.

kiteconnect blocks and brings Twisted along (28 MB), so it lives here for the half second of one call. Secrets come by
standard input; what goes out is an outcome in one word, a sentence without secrets, and after a login its token.
"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException, KiteException, PermissionException, TokenException

LONGEST = 160
SECRETS = ("api_key", "api_secret", "request_token", "access_token")
_WRONG_KEYS = re.compile(r"api_key|checksum", re.IGNORECASE)
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9]{16,}")

Request = dict[str, Any]
Answer = dict[str, str]


def exchange(kite: KiteConnect, request: Request) -> Answer:
    """A request token for an access token."""
    try:
        session = kite.generate_session(request["request_token"], request["api_secret"])
    except (TokenException, InputException, PermissionException) as error:
        # A wrong secret comes as a TokenException too; only its words tell it from a used or late request token.
        outcome = "configuration" if _WRONG_KEYS.search(str(error)) else "refused"
        return {"outcome": outcome, "text": f"Kite says: {_safe(str(error), request)}"}
    login_time = session.get("login_time")
    return {
        "outcome": "ok",
        "access_token": session["access_token"],
        "user_id": session["user_id"],
        "login_time": login_time.isoformat() if isinstance(login_time, datetime) else "",
    }


def probe(kite: KiteConnect, request: Request) -> Answer:
    """Whether the access token still opens the door: only Kite's own token error says that it does not."""
    kite.set_access_token(request["access_token"])
    try:
        return {"outcome": "ok", "user_id": kite.profile()["user_id"]}
    except TokenException as error:
        if error.code == HTTPStatus.FORBIDDEN:
            return {"outcome": "dead", "text": "Kite says that the token is dead"}
        return {"outcome": "unreachable", "text": _why(error)}


def invalidate(kite: KiteConnect, request: Request) -> Answer:
    """The end of an access token, asked for by its owner; one that is dead already is as good."""
    try:
        kite.invalidate_access_token(request["access_token"])
    except TokenException as error:
        if error.code != HTTPStatus.FORBIDDEN:
            return {"outcome": "unreachable", "text": _why(error)}
    return {"outcome": "ok"}


VERBS: dict[str, Callable[[KiteConnect, Request], Answer]] = {
    "exchange": exchange,
    "probe": probe,
    "invalidate": invalidate,
}


def answer(request: Request) -> Answer:
    """The answer to one request, whatever the network and the client do."""
    kite = KiteConnect(request["api_key"], root=request["root"], timeout=request["timeout"])
    try:
        return VERBS[request["do"]](kite, request)
    except Exception as error:  # noqa: BLE001 - the client lets KeyErrors of odd bodies out; only a safe word may pass
        return {"outcome": "unreachable", "text": _why(error)}


def _why(error: Exception) -> str:
    match error:
        case KiteException(code=code):
            return f"Kite answered {code} {type(error).__name__}"
        case requests.exceptions.SSLError():
            return "Kite's certificate is not trusted, or TLS failed"
        case requests.exceptions.Timeout():
            return "Kite did not answer in time"
        case requests.exceptions.ConnectionError():
            return "Kite cannot be reached"
        case _:
            return f"Kite's answer could not be read ({type(error).__name__})"


def _safe(text: str, request: Request) -> str:
    """A broker's words without anything that is or looks like a secret."""
    for name in SECRETS:
        if secret := request.get(name):
            text = text.replace(secret, "***")
    text = "".join(c if c.isprintable() else " " for c in text)
    return _LIKE_A_SECRET.sub("***", text)[:LONGEST]


def main() -> None:
    """One request, one answer, gone."""
    request = json.load(sys.stdin)
    signal.alarm(math.ceil(request["timeout"]) + 1)  # should the daemon die meanwhile, this ends too
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    main()
