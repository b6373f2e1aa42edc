"""People: signing in, who there is, API tokens, the record; and what may be asked."""

from __future__ import annotations

from msgspec import UNSET

from tradewarden.http.audit import Asked
from tradewarden.http.body import Nothing
from tradewarden.http.models.document import Absent, Document, Moment
from tradewarden.http.models.pages import HTML
from tradewarden.http.operation import LEDGER, Operation, Told, ok
from tradewarden.http.people import Change, NewPerson
from tradewarden.http.session import Credentials, NewPassword
from tradewarden.http.tokens import NewToken
from tradewarden.machines.role import Role, Scope


class SessionTold(Document):
    """Who asks; null is nobody. `csrf` goes with whatever a browser's session changes."""

    name: str | None
    role: Role | None
    by: str | None
    scopes: list[Scope] | None
    csrf: str | None
    must_change: bool
    ends_at: Moment | Absent = UNSET


class SignedOut(Document):
    """The session has ended."""

    signed_out: bool


class PersonTold(Document):
    """One person; nothing of the password, but for a new one-time one, which is told once."""

    name: str
    role: Role
    enabled: bool
    must_change: bool
    one_time_until: Moment | None
    created: Moment
    created_by: str
    tokens: int
    one_time_password: str | Absent = UNSET
    sign_in_at: str | Absent = UNSET


class PeopleTold(Document):
    """Everybody."""

    users: list[PersonTold]


class TokenTold(Document):
    """One API token; the secret itself is told once, when it is made."""

    id: int
    user: str
    name: str
    scopes: list[Scope]
    created: Moment
    ends: Moment
    used: Moment | None
    token: str | Absent = UNSET


class TokensTold(Document):
    """The tokens that are your business."""

    tokens: list[TokenTold]


class Dropped(Document):
    """The token that is worth nothing any more."""

    dropped: TokenTold


class EntryTold(Document):
    """One row of the record: who did what to whom, or was refused."""

    id: int
    at: Moment
    by: str
    action: str
    target: str
    allowed: bool
    detail: str | None


class AuditTold(Document):
    """A page of the record, newest first; `before` leads to the next page."""

    entries: list[EntryTold]
    before: int | None


_TOO_OFTEN = {429: "too many attempts: `Retry-After` says when again"}
_SEE = {303: Told("of a form: on to the next page", kind="")}
_FORM = "A form without script may send the same members; it is answered with a page."

OPERATIONS = {
    ("GET", "/api/session"): Operation(says="Who asks", answers=ok("that is you", SessionTold)),
    ("POST", "/api/session"): Operation(
        says="Signs in",
        more=_FORM,
        body=Credentials,
        example={"name": "asha", "password": "correct horse battery staple"},
        answers={201: Told("signed in: the cookie is set", SessionTold), **_SEE},
        refusals={401: "the name or the password is wrong", **_TOO_OFTEN},
    ),
    ("DELETE", "/api/session"): Operation(
        says="Signs out", body=Nothing, answers=ok("the session has ended", SignedOut)
    ),
    ("POST", "/api/session/password"): Operation(
        says="A password of one's own; every other session of this person ends",
        more=_FORM,
        body=NewPassword,
        example={"old": "what the admin gave", "new": "correct horse battery staple"},
        answers={201: Told("it is changed: the cookie is a new one", SessionTold), **_SEE},
        refusals={401: "the old password is wrong", 409: "nobody has signed in here", **_TOO_OFTEN, **LEDGER},
    ),
    ("GET", "/sign-in"): Operation(
        says="The page on which people sign in and out",
        answers={
            200: Told("the page", str, HTML),
            429: Told("the page, which says when to try again after too many attempts", str, HTML),
        },
    ),
    ("POST", "/sign-out"): Operation(
        says="Signs out, for the page's form", answers={303: Told("to the page", kind="")}
    ),
    ("GET", "/api/users"): Operation(says="Who there is", answers=ok("everybody", PeopleTold)),
    ("POST", "/api/users"): Operation(
        says="Somebody new, with a one-time password",
        body=NewPerson,
        example={"name": "ravi", "role": "trader"},
        answers={201: Told("the person, and the password, told once", PersonTold)},
        refusals={409: "there is somebody of this name, or the name will not do", **LEDGER},
    ),
    ("PATCH", "/api/users/{name}"): Operation(
        says="Another role or password for a person, out and in again",
        body=Change,
        example={"role": "viewer", "enabled": True},
        answers=ok("the person", PersonTold),
        refusals={
            404: "there is nobody of this name",
            409: "the desk needs an admin",
            429: "the machine is busy",
            **LEDGER,
        },
    ),
    ("GET", "/api/tokens"): Operation(says="The API tokens that are your business", answers=ok("them", TokensTold)),
    ("POST", "/api/tokens"): Operation(
        says="A new API token",
        body=NewToken,
        example={"name": "nightly", "scopes": ["read"], "days": 90, "user": "asha"},
        answers={201: Told("the token, and its secret, told once", TokenTold)},
        refusals={404: "there is nobody of this name", 409: "there are enough already, and why", **LEDGER},
    ),
    ("DELETE", "/api/tokens/{id}"): Operation(
        says="Makes a token worthless",
        body=Nothing,
        answers=ok("it is", Dropped),
        refusals={404: "no token of yours has this number", **LEDGER},
    ),
    ("GET", "/api/audit"): Operation(
        says="The record: who did what, and who was refused what",
        query=Asked,
        answers=ok("a page", AuditTold),
        refusals=LEDGER,
        asks="?refused=true&limit=20",
    ),
}
