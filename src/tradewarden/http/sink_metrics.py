"""The sinks' figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradewarden.http.metrics import Family, Sample, state_set
from tradewarden.machines.sink import SinkReport, SinkState

STATES = tuple(SinkState)


def of_sinks(sinks: Sequence[SinkReport]) -> Iterator[Family]:
    """What each sink counts, by its name."""
    states = [({"sink": sink.name}, str(sink.state)) for sink in sinks]
    yield state_set("tradewarden_sink_state", "Each store that the journal is carried to.", STATES, states)
    yield _each(sinks, "lag_ticks", "gauge", "Ticks that are in the journal and not yet safe in the store.")
    yield _each(sinks, "lag_seconds", "gauge", "How long the oldest of them has waited.", unit="seconds")
    yield _each(sinks, "written", "counter", "Ticks that the store has taken.", "written_total")
    yield _each(sinks, "set_aside", "counter", "Ticks that the store refused for good.", "set_aside_total")
    yield _each(sinks, "missed", "counter", "Ticks that had left the journal before their turn.", "missed_total")
    yield _each(sinks, "dropped", "counter", "Messages missed by subscribers too slow for them.", "dropped_total")
    yield _each(sinks, "errors_last_hour", "gauge", "Tries in the last hour that did not come off.")
    samples: list[Sample] = [
        ("", {"sink": sink.name, "quantile": quantile}, value)
        for sink in sinks
        for quantile, value in (("0.5", sink.latency_p50), ("0.99", sink.latency_p99))
        if value is not None
    ]
    text = "From a tick's receipt until it was safe in the store: of the last thousand frames."
    yield Family("tradewarden_sink_commit_seconds", "gauge", text, samples, unit="seconds")
    commits: list[Sample] = [
        ("", {"sink": sink.name}, sink.last_commit_at.timestamp()) for sink in sinks if sink.last_commit_at is not None
    ]
    text = "When the store last took ticks."
    yield Family("tradewarden_sink_last_commit_timestamp_seconds", "gauge", text, commits, unit="seconds")
    tables = [(sink.name, table) for sink in sinks for table in sink.tables]
    rows: list[Sample] = [("", {"sink": s, "table": t.name}, t.rows) for s, t in tables if t.rows is not None]
    yield Family("tradewarden_sink_table_rows", "gauge", "Rows by table, where the store tells.", rows)
    sizes: list[Sample] = [("", {"sink": s, "table": t.name}, t.bytes) for s, t in tables if t.bytes is not None]
    yield Family("tradewarden_sink_table_bytes", "gauge", "Bytes by table, where the store tells.", sizes, unit="bytes")


def _each(
    sinks: Sequence[SinkReport], name: str, kind: str, text: str, field: str | None = None, *, unit: str = ""
) -> Family:
    suffix = "_total" if kind == "counter" else ""
    samples: list[Sample] = [(suffix, {"sink": sink.name}, getattr(sink, field or name)) for sink in sinks]
    return Family(f"tradewarden_sink_{name}", kind, text, samples, unit=unit)
