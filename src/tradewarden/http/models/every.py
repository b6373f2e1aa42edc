"""Every operation of the API, noun by noun; a new one is a module here and a line below."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tradewarden.http.models import (
    broker,
    health,
    jobs,
    logs,
    market,
    pages,
    people,
    service_api,
    services,
    signals,
    stores,
    stream,
)
from tradewarden.http.operation import Operation

Named = tuple[str, str]  # method and path


class Noun(NamedTuple):
    """Operations that belong together."""

    name: str
    says: str
    operations: dict[Named, Operation]


NOUNS: Final = (
    Noun("Health", "How the desk does.", health.OPERATIONS),
    Noun("Broker", "The login at the broker, and its token.", broker.OPERATIONS),
    Noun("Market", "Days, sessions, and an admin's word above the calendar.", market.OPERATIONS),
    Noun("Stream", "What is streamed, and when it was not.", stream.OPERATIONS),
    Noun("Stores", "What is recorded, and where it lies.", stores.OPERATIONS),
    Noun("Services", "The desk's programs.", services.OPERATIONS),
    Noun("Jobs", "What runs on a schedule: when, what became of it, and whether it runs at all.", jobs.OPERATIONS),
    Noun("Signals", "What an analysis found, by trading day.", signals.OPERATIONS),
    Noun("Original service API", "The original's paths for jobs, with its words.", service_api.OPERATIONS),
    Noun("Logs", "What programs and jobs said.", logs.OPERATIONS),
    Noun("People", "Signing in, who there is, tokens, and the record.", people.OPERATIONS),
    Noun("Pages and probes", "For people, and for what watches the daemon.", pages.OPERATIONS),
)


def operations() -> Iterator[tuple[Noun, Named, Operation]]:
    """All of them."""
    for noun in NOUNS:
        for named, operation in noun.operations.items():
            yield noun, named, operation
