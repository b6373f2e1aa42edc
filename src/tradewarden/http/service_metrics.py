"""The figures of the desk's programs for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tradewarden.http.metrics import Family, Labels, Sample, state_set
from tradewarden.machines.service import DeskReport, HostFigures, ServiceReport, ServiceState

STATES = tuple(ServiceState)
DESK_STATES = ("stopped", "starting", "running", "degraded", "stopping", "aborted")


def of_services(desk: DeskReport) -> Iterator[Family]:
    """How each program does, how all do together, and how busy the machine is."""
    states: list[tuple[Labels, str]] = [({"service": each.name}, str(each.state)) for each in desk.services]
    yield state_set("tradewarden_desk_state", "The desk's programs all together.", DESK_STATES, [({}, desk.state)])
    yield state_set("tradewarden_service_state", "Each program of the desk.", STATES, states)
    text = "Lives after the first since somebody started the program, whoever kept it."
    yield _each(desk, "restarts", text, lambda each: each.restarts)
    text = "Memory of the program and of what it started."
    yield _each(desk, "memory_bytes", text, lambda each: each.memory_bytes, unit="bytes")
    text = "Processor time of the program and of what it started, of one core."
    yield _each(desk, "cpu_percent", text, lambda each: each.cpu_percent)
    text = "Lines of its log in the last hour that speak of an error."
    yield _each(desk, "errors_last_hour", text, lambda each: each.errors_last_hour)
    text = "Lines that it said and no disk took."
    lost: list[Sample] = [("_total", {"service": each.name}, each.lost_lines) for each in desk.services]
    yield Family("tradewarden_service_lost_lines", "counter", text, lost)
    text = "When its present life began."
    yield _each(
        desk,
        "started_timestamp_seconds",
        text,
        lambda each: None if each.started_at is None else each.started_at.timestamp(),
        unit="seconds",
    )
    yield from _of_host(desk.host)


def _each(
    desk: DeskReport, name: str, text: str, value: Callable[[ServiceReport], float | None], *, unit: str = ""
) -> Family:
    found = [(each.name, value(each)) for each in desk.services]
    samples: list[Sample] = [("", {"service": service}, each) for service, each in found if each is not None]
    return Family(f"tradewarden_service_{name}", "gauge", text, samples, unit=unit)


def _of_host(host: HostFigures | None) -> Iterator[Family]:
    if host is None:
        return
    cpu: list[Sample] = [("", {}, host.cpu_percent)]
    yield Family("tradewarden_host_cpu_percent", "gauge", "How busy the machine's cores are, all together.", cpu)
    for name, text, value in (
        ("memory_used_bytes", "Memory of the machine that is taken.", host.memory_used),
        ("memory_total_bytes", "Memory of the machine.", host.memory_total),
        ("disk_free_bytes", "Free bytes where the logs lie.", host.disk_free),
    ):
        samples: list[Sample] = [] if value is None else [("", {}, value)]
        yield Family(f"tradewarden_host_{name}", "gauge", text, samples, unit="bytes")
