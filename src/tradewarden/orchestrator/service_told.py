"""What is told of one service: a line of the log for what its keeper wrote down, and the report for everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from tradewarden.early_log import Logger
from tradewarden.machines.kept import Exited, Happening, Started, StartFailed
from tradewarden.machines.life import Life
from tradewarden.machines.service import Service, ServiceReport, ServiceState
from tradewarden.orchestrator.clock import IST
from tradewarden.orchestrator.earshot import SILENT, Earshot
from tradewarden.orchestrator.halt import HALTED
from tradewarden.orchestrator.published import Figures, Says

log = Logger()


def tell(name: str, happening: Happening, *, while_away: bool = False) -> None:
    """Beginnings and ends, each on a line; also those at which no daemon looked."""
    away = {"while_away": True, "at": happening.at.isoformat()} if while_away else {}
    match happening:
        case Started(pid=pid, life=life):
            log.info("service.started", service=name, pid=pid, life=life, **away)
        case Exited() as exited:
            facts = {"code": exited.code, "up": round(exited.up, 3), "asked": exited.asked, "fenced": exited.fenced}
            log.info("service.exited", service=name, pid=exited.pid, **facts, **away)
        case StartFailed(text=text):
            log.warning("service.start_failed", service=name, why=text, **away)
        case _:
            pass


def report_of(
    life: Life, since: datetime, figures: Figures | None, says: Says | None, *, phase: int, enabled: bool, errors: int
) -> ServiceReport:
    """How it does; `since` is when it entered its state, by the wall's clock."""
    service, present = life.service, life.past.life
    loss = life.past.tell_loss(IST) if life.is_held else None
    return ServiceReport(
        name=service.name,
        description=service.description,
        kind=service.kind,
        tier=service.tier,
        phase=phase,
        enabled=enabled,
        auto_restart=life.auto,
        state=life.state,
        reason="; ".join(filter(None, (life.reason, loss))) or None,
        since=since,
        needs=service.needs,
        conditions=service.conditions,
        pid=None if present is None else present.pid,
        started_at=None if present is None else present.at,
        restarts=max(0, life.past.lives - 1),
        exit_code=life.past.exit_code,
        next_start_at=life.past.next_start_at,
        memory_bytes=None if figures is None else figures.memory_bytes,
        cpu_percent=None if figures is None else figures.cpu_percent,
        errors_last_hour=errors,
        lost_lines=life.past.lost_lines,
        loses_lines=loss is not None,
        says=None if says is None else says.text,
        figures={} if says is None else says.figures,
        reach=reach(service) if life.state is ServiceState.UP else None,
    )


def remarked(report: ServiceReport, earshot: Earshot, *, halted: bool) -> ServiceReport:
    """The same, with what there is to tell about its keeper, and of a program that was halted."""
    if earshot.reason is None and not halted:
        return report
    said = [each for each in (report.reason or "").split("; ") if each != SILENT]
    reason = "; ".join(filter(None, (*said, earshot.reason, HALTED if halted else None)))
    return replace(report, reason=reason, keeper_is_silent=earshot.is_silent, is_halted=halted)


def unended(why: str, figures: Figures) -> str:
    """Why no line has come, with what waits for the end of its line: only then is it written."""
    return f"{why}; it has said {figures.unended} bytes without a line end" if figures.unended else why


def reach(service: Service) -> str | None:
    """Where people reach it: the page that tells that it is ready, or its first port."""
    if service.ready.kind == "http":
        return service.ready.target
    return next((f"127.0.0.1:{port}" for port in service.ports), None)
