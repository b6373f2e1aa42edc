"""The people of the desk: what the ledger holds of them, and the doors through which they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewarden import __version__
from tradewarden.http.app import Part
from tradewarden.http.audit import AuditDoor
from tradewarden.http.people import PeopleDoor
from tradewarden.http.session import SessionDoor
from tradewarden.http.sign_in import SignIn
from tradewarden.http.tokens import TokensDoor
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.membership import Membership

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from tradewarden.settings import HttpSettings


def people_doors(members: Membership, http: HttpSettings, clock: Clock) -> list[Part]:
    """Where people sign in, and where an admin looks after them."""
    return [
        SessionDoor(members, SignIn(__version__), clock, public_url=http.public_url),
        PeopleDoor(members),
        TokensDoor(members),
        AuditDoor(members.audit),
    ]
