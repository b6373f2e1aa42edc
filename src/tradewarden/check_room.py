"""Whether the desk may write where it wants to, and for how long there is room."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tradewarden.check_command import Finding, fault, good, warning
from tradewarden.feed.segment import SUFFIX
from tradewarden.orchestrator.checks.disk import DiskCheck, size, there
from tradewarden.orchestrator.clock import IST

if TYPE_CHECKING:
    from tradewarden.settings import Settings

GIGABYTE: Final = 10**9


async def about_disks(settings: Settings) -> AsyncIterator[Finding]:
    """One finding a disk, and what will not fit on it."""
    journal = settings.state_dir.absolute() / "journal"
    places = {"state": settings.state_dir.absolute(), "logs": settings.log_dir}
    if settings.journal.record:
        places["journal"] = journal
    disks: dict[int, list[str]] = defaultdict(list)
    for what, place in places.items():
        disks[there(place).stat().st_dev].append(what)
    a_day, kept = journal_a_day(journal), sum(_sizes(journal).values())
    for names in disks.values():
        has_journal = "journal" in names
        check = DiskCheck(", ".join(names), places[names[-1]], a_day if has_journal else None)
        verdict = await check.ask()
        yield (good if verdict.good else warning)(verdict.text)
        wanted = settings.journal.keep_gb * GIGABYTE
        if has_journal and wanted > (free := check.free()) + kept:
            yield warning(
                f"journal.keep_gb = {settings.journal.keep_gb}, but the journal's {size(kept)} and the {size(free)} "
                "that are free there are less: ticks will be let go early, or lost when nobody has read them."
            )
        if "logs" in names and (most := _most_logs(settings)) > check.free():
            yield warning(
                f"The logs of all services may grow to {size(most)}, and {size(check.free())} are free there: "
                "lower log.megabytes or log.files of some."
            )


def about_directories(settings: Settings) -> Iterator[Finding]:
    """Whether this user may write into each; what is not there yet is made where it may be."""
    places = {"state_dir": settings.state_dir.absolute()}
    if settings.programs:
        places |= {"desk.run_dir": settings.run_dir, "desk.log_dir": settings.log_dir}
    bad = {name: why for name, place in places.items() if (why := _objection(place)) is not None}
    for name, why in bad.items():
        yield fault(f"{name} = {str(places[name])!r} takes no file of this user: {why}; choose another, or allow it.")
    if not bad:
        yield good(f"{', '.join(places)}: this user may write there.")


def journal_a_day(directory: Path) -> float | None:
    """How many bytes the journal got on the busiest day that it still has; nothing without a journal."""
    days: dict[date, int] = defaultdict(int)
    for changed, count in _sizes(directory).items():
        days[datetime.fromtimestamp(changed[0], IST).date()] += count
    return max(days.values(), default=None)


def _sizes(directory: Path) -> dict[tuple[float, str], int]:
    """Each segment's bytes, by its last change and name."""
    found = {}
    for path in directory.glob(f"*{SUFFIX}"):
        try:
            told = path.stat()
        except FileNotFoundError:
            continue  # it has just been let go
        found[told.st_mtime, path.name] = told.st_size
    return found


def _most_logs(settings: Settings) -> int:
    return sum(each.output.bytes * (each.output.files + 1) for each in settings.programs if each.enabled)


def _objection(place: Path) -> str | None:
    above = there(place)
    if not above.is_dir():
        return f"{above} is no directory"
    try:
        with tempfile.TemporaryFile(dir=above, prefix=".tradewarden-check-"):
            return None
    except OSError as trouble:
        return trouble.strerror or str(trouble)
