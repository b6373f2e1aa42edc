"""The logs of the desk's programs and jobs, and what asks for them."""

from __future__ import annotations

from tradewarden.http.logs import LogsQuery
from tradewarden.http.operation import Operation, Told

_ANSWERS = {
    200: Told(
        "a JSON object a line, with `at`, `service`, `level`, `text`; or text",
        str,
        "application/x-ndjson",
        ("text/plain",),
    )
}
_CANNOT = {
    404: "no service has this name",
    429: "two such questions are being answered",
    503: "the search took too long",
}

OPERATIONS = {
    ("GET", "/api/logs"): Operation(
        says="The last lines of all programs, merged by the moment they came",
        query=LogsQuery,
        answers=_ANSWERS,
        refusals=_CANNOT,
        asks="?lines=20&since=15m&level=error",
    ),
    ("GET", "/api/logs/{name}"): Operation(
        says="The last lines of one program",
        query=LogsQuery,
        answers=_ANSWERS,
        refusals=_CANNOT,
        asks="?lines=20",
    ),
    ("GET", "/api/logs/stream"): Operation(
        says="The last lines, then each new one",
        more="Server-sent events: `line`, and `skipped` for a client that reads too slowly.",
        query=LogsQuery,
        answers={200: Told("for as long as you listen", str, "text/event-stream")},
        refusals={
            404: "no service has this name",
            429: "too many connections from this address",
            503: "too many listen, or the daemon stops",
        },
    ),
}
