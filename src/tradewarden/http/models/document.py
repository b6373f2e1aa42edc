"""The shape of what the daemon answers, for the document of the API; a test holds it against real answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct, UnsetType

Status = Literal["pass", "warn", "fail"]
Moment = Annotated[datetime, Meta(tz=True)]  # always with its offset


class Document(Struct, rename="camel", forbid_unknown_fields=True):
    """An object with these members and no other."""


class Plain(Struct, forbid_unknown_fields=True):
    """The same in the words of the original API, which are written_so."""


Absent = UnsetType  # a member that may be left out
