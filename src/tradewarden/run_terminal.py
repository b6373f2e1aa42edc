"""What a person at the daemon's own terminal is told once the desk has started: how it does, and where to reach it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tradewarden.http.desk_port import Programs
from tradewarden.http.services import document
from tradewarden.machines.service import DeskReport, ServiceReport
from tradewarden.screen import Screen
from tradewarden.service_words import desk_line, reached


def tell_start(programs: Programs, now: Callable[[], datetime], screen: Screen) -> None:
    """Say it as soon as the start is over, and once; of a desk without programs nothing."""
    is_told = not programs.report().services

    def look(_news: ServiceReport | DeskReport | None = None) -> None:
        nonlocal is_told
        if is_told or (report := programs.report()).state == "starting":
            return
        is_told = True
        body = document(report, now())
        screen.say(desk_line(body), *reached(body["services"]))

    programs.subscribe(look)
    look()
