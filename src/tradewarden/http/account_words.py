"""What people read of an account besides the feeding one, and where its login begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from tradewarden.http.moments import clock_time
from tradewarden.machines.account import FEEDING
from tradewarden.machines.report import AccountReport

BROKER = "Kite"

_LOGIN = "/login"
_FAILED_LOGINS = MappingProxyType(
    {
        "refused": f"{BROKER} did not accept the login.",
        "other_account": "It was made with another account.",
        "unreachable": f"{BROKER} did not answer.",
    }
)


@dataclass(frozen=True, slots=True)
class AccountWords:
    """What it is, and what a person can do."""

    text: str
    detail: str


def login_link(account: str | None) -> str:
    """Where a login of this account begins: never the broker's own address."""
    return _LOGIN if account in (None, FEEDING) else f"{_LOGIN}?account={account}"


def account_words(account: AccountReport, now: datetime) -> AccountWords:
    """A further account as people read of it."""
    name, auth = account.name, account.auth
    since = clock_time(auth.since, now)
    if auth.state == "expired":
        text, detail = f"{BROKER} session expired: {name}", f"Expired {since}."
    elif auth.reason == "configuration":
        text = f"{BROKER} refuses the api key or secret of {name}"
        detail = f"Check accounts.{name}.api_key and accounts.{name}.api_secret, then log in again."
    elif auth.reason is not None and auth.reason in _FAILED_LOGINS:
        text = f"Login did not complete: {name}" if auth.reason == "unreachable" else f"Login was refused: {name}"
        detail = f"{_FAILED_LOGINS[auth.reason]} Nothing was changed; try again."
    else:
        text, detail = f"Login required: {name}", f"No {BROKER} session of this account since {since}."
    return AccountWords(text, detail)
