"""The desk's programs from a terminal: the real commands, HTTP, driver, keepers and programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kept_desk import KeptDesk, kept_desk, shell
from pictures import all_well, serving
from terminals import paper
from tradewarden.control import Control
from tradewarden.desk_command import Terminal, each, order
from tradewarden.http.desk import DeskDoor
from tradewarden.http.log_stream import LogStream
from tradewarden.http.logs import LogsDoor
from tradewarden.http.services import Services
from tradewarden.log import redact
from tradewarden.logs_command import Logs as LogsCommand
from tradewarden.logs_command import Question
from tradewarden.machines.service import Ready, Tier
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.orchestrator.logs import Logs
from tradewarden.services_command import services

SAYS = """
echo "INFO begins"; echo "ERROR password=canary123 refused" >&2
echo '{"text": "50 quotes a batch", "figures": {"batches_per_second": 20}}' > "$TRADEWARDEN_STATUS_FILE"
exec sleep 1000
"""


@asynccontextmanager
async def a_desk(state: Path) -> AsyncIterator[KeptDesk]:
    feed = shell("feed", SAYS, tier=Tier.CRITICAL, ready=Ready(kind="log_line", target="begins"))
    writer = shell("writer", "echo 51 rows; exec sleep 1000", needs=("feed",))
    clock = SystemClock()
    async with kept_desk(state, feed, writer, begins=False) as desk:
        logs = Logs(state / "logs", redact)
        parts: list[Any] = [
            DeskDoor(desk.driver),
            Services(desk.driver, clock),
            LogStream(logs, desk.driver, clock),
            LogsDoor(logs, desk.driver, clock),
        ]
        beats = asyncio.create_task(_beat(desk))
        async with serving(all_well(), parts=parts, programs=desk.driver, control_path=state / "control", clock=clock):
            yield desk
        beats.cancel()


async def _beat(desk: KeptDesk) -> None:
    while True:
        desk.driver.look()
        await asyncio.sleep(0.05)


async def test_a_desk_is_started_seen_heard_and_put_to_rest_from_a_terminal(tmp_path: Path) -> None:
    said: list[str] = []

    def terminal() -> tuple[Terminal, Any]:
        screen, out = paper()
        return Terminal(Control(socket=tmp_path / "control"), screen, said.append), out

    async def ordered(verb: str, **body: Any) -> list[str]:
        asking, out = terminal()
        assert await order(asking, verb, body, wait=True) == 0, said
        lines: list[str] = out.getvalue().splitlines()
        return lines

    async with a_desk(tmp_path) as desk:
        lines = await ordered("start", all=True)
        assert lines.index("● feed   up") < lines.index("● writer up")
        assert lines[-1].startswith("● The desk is running since ")

        await desk.until(lambda: desk.of("feed").says is not None and desk.of("feed").errors_last_hour == 1)
        screen, out = paper()
        seen = services(
            Control(socket=tmp_path / "control"), as_json=True, every=None, screen=screen, complain=said.append
        )
        assert await seen == 0
        feed, writer = json.loads(out.getvalue())["services"]
        assert (feed["state"], feed["phase"], feed["says"]) == ("up", 1, "50 quotes a batch")
        assert (feed["errorsLastHour"], feed["figures"], writer["phase"]) == (1, {"batches_per_second": 20}, 2)
        assert feed["pid"] != writer["pid"]

        screen, out = paper()
        assert await LogsCommand(Control(socket=tmp_path / "control"), screen, said.append).tail(Question()) == 0
        heard = [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]
        assert heard == ["feed INFO begins", "feed ERROR password=[redacted] refused", "writer 51 rows"]

        await ordered("restart", names=["writer"])
        assert desk.of("writer").pid not in (None, writer["pid"])
        assert desk.of("feed").pid == feed["pid"]
        asking, _ = terminal()
        assert await each(asking, "disable", ["writer"], {}) == 0
        await desk.until_state(writer="down")
        asking, _ = terminal()
        assert await order(asking, "start", {"names": ["writer"]}, wait=True) == 1
        assert "it is disabled" in said[-1]
        lines = await ordered("down")
        assert lines[-1].startswith("Nothing of the desk runs any more")
        assert desk.states == {"feed": "down", "writer": "down"}
