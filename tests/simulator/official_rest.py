"""Drives the official REST client; run as a process of its own, since importing it starts Twisted.

Arguments: ROOT API_KEY API_SECRET REQUEST_TOKEN. Prints one JSON object of what the client saw.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import requests
from kiteconnect import KiteConnect


def trouble(call: Callable[[], object]) -> list[Any]:
    """The official client's class for what went wrong, its HTTP status and its words."""
    try:
        call()
    except requests.exceptions.ConnectionError:
        return ["ConnectionError", None, ""]
    except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
        return [type(error).__name__, getattr(error, "code", None), str(error)]
    return ["nothing", None, ""]


def main() -> None:
    root, api_key, api_secret, request_token = sys.argv[1:]
    kite = KiteConnect(api_key=api_key, root=root)
    expired: list[bool] = []
    kite.set_session_expiry_hook(lambda: expired.append(True))

    def world(**wishes: str) -> None:
        requests.post(f"{root}/world", json=wishes, timeout=5).raise_for_status()

    seen: dict[str, Any] = {"wrong_secret": trouble(lambda: kite.generate_session(request_token, "wrong"))}
    session = kite.generate_session(request_token, api_secret)
    seen["session"] = {name: session[name] for name in ("user_id", "access_token", "refresh_token")}
    seen["login_time"] = session["login_time"].isoformat()
    seen["used"] = trouble(lambda: kite.generate_session(request_token, api_secret))
    seen["profile"] = kite.profile()["user_id"]
    instruments = kite.instruments()
    seen["instruments"] = {row["tradingsymbol"]: row["instrument_token"] for row in instruments}
    seen["expiry"] = str(next(row["expiry"] for row in kite.instruments("NFO") if row["name"] == "NIFTY"))
    seen["ltp"] = kite.ltp(["NSE:INFY"])["NSE:INFY"]
    seen["quote"] = sorted(kite.quote(["NSE:INFY"])["NSE:INFY"])
    for profile in ("dead", "throttled", "unreachable"):
        world(profile=profile)
        seen[profile] = trouble(kite.profile)
    world(profile="ok", http="500")
    seen["broken"] = trouble(kite.profile)
    world(http="ok")
    seen["before"] = len(expired)
    seen["logged_out"] = kite.invalidate_access_token()
    seen["after"] = trouble(kite.profile)
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
