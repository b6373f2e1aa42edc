"""The pages for people and the probes for machines."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET

from tradewarden.http.models.document import Absent, Document
from tradewarden.http.operation import LEDGER, Operation, Told, ok

HTML = "text/html"


class Readiness(Document):
    """Whether the daemon takes requests."""

    status: Literal["pass", "fail"]
    reason: str | Absent = UNSET


_KEPT = {304: Told("as you have it already", kind="")}

OPERATIONS = {
    ("GET", "/"): Operation(says="The desk's page", answers=ok("the page", str, HTML), refusals=LEDGER),
    ("GET", "/docs"): Operation(
        says="This page",
        more="Its examples name the address under which it was asked on this machine, else `http.public_url`.",
        answers={200: Told("the page", str, HTML), **_KEPT},
    ),
    ("GET", "/openapi.json"): Operation(
        says="This document", answers={200: Told("the document", dict[str, Any]), **_KEPT}
    ),
    ("GET", "/docs/health"): Operation(says="What the health answer means", answers=ok("the page", str, HTML)),
    ("GET", "/problems/{kind}"): Operation(
        says="What an error means",
        answers=ok("the page", str, HTML),
    ),
    ("GET", "/static/{name}"): Operation(
        says="The files of the pages",
        answers={
            200: Told("the file", str, "text/css"),
            **_KEPT,
        },
        refusals={404: "there is no such file"},
    ),
    ("GET", "/livez"): Operation(says="The process runs", answers=ok("it does", str, "text/plain")),
    ("GET", "/readyz"): Operation(
        says="It has started and is not stopping; never waits for the broker",
        answers={200: Told("it takes requests", Readiness), 503: Told("it is stopping", Readiness)},
    ),
    ("GET", "/metrics"): Operation(
        says="Figures for Prometheus",
        answers=ok("the figures", str, "application/openmetrics-text"),
    ),
}
