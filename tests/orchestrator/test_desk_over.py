"""What has ended for good on real keepers: no further start and no other daemon does finished work once more."""

from __future__ import annotations

import asyncio
from pathlib import Path

from kept_desk import kept_desk, service, shell
from tradewarden.machines.service import Again, Kind, Ready, Restarts, Selection, Service

ONCE = Restarts(when=Again.FAILURE)


def once(path: Path, name: str, end: str = "exit 0", **told: object) -> Service:
    """A program that does its work, which may be done once only, and ends; its keeper knows when it need not repeat."""
    given: dict[str, object] = {"restarts": ONCE}
    return shell(name, f"echo x >> {path}/{name}.done; {end}", **(given | told))


def times(path: Path, name: str) -> int:
    file = path / f"{name}.done"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_start_of_more_while_the_desk_starts_does_no_finished_work_again(tmp_path: Path) -> None:
    async def scene() -> None:
        go = tmp_path / "go"
        async with kept_desk(
            tmp_path,
            once(tmp_path, "schema", kind=Kind.STEP, ready=Ready(kind="exit")),
            once(tmp_path, "orders"),
            service("feed", ready=Ready(kind="file", target=str(go))),
            service("chart", needs=("feed",)),
        ) as desk:
            await desk.until_state(schema="done", orders="done", feed="starting", desk="starting")
            desk.driver.start(Selection(names=("chart",)), by="test")
            desk.driver.start(Selection(everything=True), by="test")
            go.touch()
            await desk.until_state(feed="up", chart="up", desk="running")
            assert (times(tmp_path, "schema"), times(tmp_path, "orders")) == (1, 1)

    asyncio.run(scene())
