"""What every refusal looks like."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct

from tradewarden.http.models.document import Absent, Document
from tradewarden.http.models.jobs import RunTold


class Fault(Document):
    """What is wrong with what was sent, and where."""

    detail: str
    pointer: Annotated[str, Meta(description="the place in the body")] | Absent = UNSET
    parameter: Annotated[str, Meta(description="the parameter of the query")] | Absent = UNSET


class Problem(Struct):
    """Problem details (RFC 9457); some kinds have members of their own."""

    type: Annotated[str, Meta(description="leads to a page that explains it")]
    title: str
    status: int
    instance: Annotated[str, Meta(description="stands in the log beside the cause")]
    detail: Annotated[str, Meta(description="what failed and what to do, for a person")] | Absent = UNSET
    errors: list[Fault] | Absent = UNSET
    run: Annotated[RunTold | None, Meta(description="of a job that was refused: the refusal on record")] | Absent = (
        UNSET
    )
    holder: Annotated[RunTold | None, Meta(description="the run that stands in its way")] | Absent = UNSET
