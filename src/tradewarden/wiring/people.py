"""The people of the desk: what the ledger holds of them, and the doors through which they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from tradewarden import __version__
from tradewarden.http.app import Part
from tradewarden.http.audit import AuditDoor
from tradewarden.http.people import PeopleDoor
from tradewarden.http.session import SessionDoor
from tradewarden.http.sign_in import SignIn
from tradewarden.http.tokens import TokensDoor
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.ledger import LedgerError
from tradewarden.orchestrator.membership import Membership
from tradewarden.orchestrator.people import FIRST, ONE_TIME

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import HttpSettings

log = structlog.get_logger()


def first_admin(members: Membership) -> str | None:
    """On a desk that has nobody: make an admin. What is told of it is told once, and kept nowhere."""
    try:
        password = members.people.first()
    except LedgerError as trouble:  # a full disk keeps no desk shut; there will be a next start
        log.warning("people.no_first_admin", why=str(trouble))
        return None
    if password is None:
        return None
    members.audit.add("first start", "user add", FIRST, allowed=True, detail="admin")
    return (
        f"this desk had nobody, so there is an admin now: sign in as {FIRST} with {password}"
        f" (shown this once, works for {ONE_TIME.days} days; `tradewarden user passwd {FIRST}` makes another)."
    )


def people_doors(members: Membership, http: HttpSettings, clock: Clock) -> list[Part]:
    """Where people sign in, and where an admin looks after them."""
    return [
        SessionDoor(members, SignIn(__version__), clock, public_url=http.public_url),
        PeopleDoor(members, public_url=http.public_url),
        TokensDoor(members),
        AuditDoor(members.audit),
    ]
