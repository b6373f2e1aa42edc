"""What a desk of programs does for the jobs that are kept over the same keepers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kept_desk import ALL, kept_desk, service
from tradewarden.machines.job import Job
from tradewarden.orchestrator.job_spec import as_run
from tradewarden.orchestrator.keepers import Keepers
from tradewarden.orchestrator.spec import spec_of

BUY = Job(name="buy", command=("sleep", "1000"), directory="/", per_user=True)


@dataclass
class Noted:
    """Notes down what the desk tells whoever keeps the jobs."""

    heard: list[str] = field(default_factory=list)

    def owns(self, name: str) -> bool:
        return name == "gone@asha"

    def woken(self, names: Collection[str]) -> None:
        self.heard += [f"woken {name}" for name in sorted(names)]

    def down(self, *, by: str) -> tuple[str, ...]:
        self.heard.append(f"down {by}")
        return ("buy@asha",)

    def up(self) -> None:
        self.heard.append("up")

    def defined(self, jobs: Sequence[Job]) -> None:
        self.heard.append(f"defined {[job.name for job in jobs]}")

    def end(self) -> None:
        self.heard.append("end")


async def begin(keepers: Keepers, name: str) -> None:
    instance = replace(BUY, name=name)
    spec = spec_of(instance, {"PATH": "/usr/bin:/bin"}, keepers.log_dir / f"{name}.log", until=None)
    await keepers.keep(as_run(spec, "run-1", is_window=False, until=None))


def test_a_jobs_keeper_wakes_the_jobs_and_is_no_stray(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("web"), BUY) as desk:
            noted = desk.driver.besides = Noted()
            await desk.until_state(web="up")
            for name in ("buy", "buy@asha", "gone@asha", "other"):
                await begin(desk.keepers, name)
            await desk.until(lambda: len([each for each in noted.heard if each.startswith("woken")]) >= 4)
            assert set(noted.heard) == {"woken buy", "woken buy@asha", "woken gone@asha", "woken other"}
            desk.driver.strays.find()
            assert desk.driver.strays.names == ("other",)
            assert [each.name for each in desk.driver.report().services] == ["web"]
            for name in ("buy", "buy@asha", "gone@asha", "other"):
                desk.keepers.command(name, "stop")

    asyncio.run(scene())


def test_a_desk_that_goes_down_takes_its_jobs_along_and_lets_them_begin_with_its_start(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("web"), BUY) as desk:
            noted = desk.driver.besides = Noted()
            await desk.until_state(web="up")
            order = desk.driver.down(by="asha")
            assert (order.accepted, order.text) == (("web", "buy@asha"), "Stopping: web, buy@asha.")
            await desk.until_state(web="down", desk="stopped")
            desk.driver.start(replace(ALL, everything=False, names=("web",)), by="asha")
            desk.driver.start(ALL, by="asha")
            assert [each for each in noted.heard if not each.startswith("woken")] == ["down asha", "up"]

    asyncio.run(scene())


def test_a_changed_file_hands_its_jobs_on_and_tells_what_changes_of_them(tmp_path: Path) -> None:
    async def scene() -> None:
        async with kept_desk(tmp_path, service("web"), BUY) as desk:
            noted = desk.driver.besides = Noted()
            await desk.until_state(web="up")
            assert (await desk.driver.reload(dry=False, by="asha")).is_empty
            desk.file[1:] = [replace(BUY, timeout=9.0), replace(BUY, name="sell")]
            dry = await desk.driver.reload(dry=True, by="asha")
            assert (dry.added, dry.kept) == (("sell",), {"buy": ("timeout",)})
            assert noted.heard == []
            await desk.driver.reload(dry=False, by="asha")
            assert noted.heard == ["defined ['buy', 'sell']"]
            assert (await desk.driver.reload(dry=False, by="asha")).is_empty
            assert desk.states == {"web": "up"}

    asyncio.run(scene())
