"""The login at the broker and its token, and what asks about them."""

from __future__ import annotations

from typing import Literal

from tradewarden.http.auth import LoginQuery, Verify
from tradewarden.http.models.document import Document, Moment, Plain
from tradewarden.http.operation import Operation, Told, ok
from tradewarden.http.token import BrokerError, Logout


class Verdict(Plain):
    """What the broker says of the token."""

    verdict: Literal["valid", "rejected", "other_account", "none"]
    checkedAt: Moment  # noqa: N815 - both vocabularies meet in this answer
    expiresAt: Moment | None  # noqa: N815 - as above
    is_valid: bool
    error: str | None
    state: str


class BeingAsked(Document):
    """The broker is being asked already."""

    verdict: Literal["pending"]
    started_at: Moment


class LoginEnd(Plain):
    """How a login ended, for a program that asks for JSON."""

    outcome: str
    user_id: str | None
    text: str


class ErrorTaken(Document):
    """What became of the error."""

    outcome: Literal["taken", "not_a_token_error", "older", "unknown", "known", "no_token", "contradicted"]
    accepted: bool
    generation: int
    text: str


class LoggedOut(Document):
    """What became of the token."""

    outcome: Literal["logged_out", "no_token"]
    killed_at_broker: bool | None
    text: str


_LOGIN = Operation(
    says="Leads to the broker's login page",
    more="For a visit of a person: a script, an image or a frame of another page begins no login.",
    query=LoginQuery,
    answers={
        302: Told("to the broker", kind=""),
        503: Told("a page, or JSON for a program: no login is possible, and why", LoginEnd, also=("text/html",)),
    },
    refusals={403: "no visit of a person", 429: "five a minute for each address outside this machine"},
)
_VERIFY = Operation(
    says="Asks the broker now whether the token is good",
    body=Verify,
    example={},
    answers={200: Told("the verdict", Verdict), 202: Told("it is being asked already", BeingAsked)},
    refusals={
        429: "asked less than ten seconds ago",
        502: "the broker cannot be reached",
        503: "the daemon is stopping",
        504: "it did not answer",
    },
)
_CALLBACK_MORE = (
    "Each link works once, for ten minutes. A program that asks for JSON gets one object instead of a page."
)

OPERATIONS = {
    ("GET", "/login"): _LOGIN,
    ("GET", "/api/auth/login"): _LOGIN,
    ("GET", "/compat/api/auth/login"): _LOGIN,
    ("GET", "/auth/callback"): Operation(
        says="Where the broker sends the browser back to: how the login ended",
        more=_CALLBACK_MORE,
        answers={
            status: Told(says, LoginEnd, also=("text/html",))
            for status, says in (
                (200, "logged in, or not completed"),
                (400, "the link is not known any more"),
                (403, "refused, or another account"),
                (503, "the api key or secret is wrong"),
                (504, "the broker did not answer"),
            )
        },
        refusals={429: "five a minute for each address outside this machine"},
    ),
    ("POST", "/api/system/health/auth/verify"): _VERIFY,
    ("POST", "/compat/api/system/health/auth/verify"): _VERIFY,
    ("POST", "/api/auth/errors"): Operation(
        says="Another program tells that the broker refused the token",
        body=BrokerError,
        example={"type": "TokenException", "message": "Incorrect `api_key` or `access_token`.", "generation": 3},
        answers=ok("what became of it", ErrorTaken),
        refusals={429: "thirty a minute for each address outside this machine"},
    ),
    ("POST", "/api/auth/logout"): Operation(
        says="Forgets the token and makes it worthless at the broker",
        body=Logout,
        example={},
        answers=ok("what became of it", LoggedOut),
        refusals={429: "thirty a minute for each address outside this machine"},
    ),
}
