"""What one health answer costs: latency at a steady pace, and CPU beside the same answer from FastAPI on uvicorn.

The daemon streams five instruments; the client is another process on the other core with eight kept-alive connections.
Latency: 200 requests a second, whether or not earlier ones have been answered, waiting for a connection included. CPU:
a fixed number of requests, the server's CPU time by the kernel's count, ours and the peers' in turns; a ratio is the
median of the rounds' ratios. The first peer is what the original system of this kind does: a handler without a declared
type returns the same document as a dict, and uvicorn runs by its defaults (uvloop, httptools, access log). Declaring
the return type makes the FastAPI of today two to three times cheaper, so that stands beside it; and so do ready bytes
without an access log, the best FastAPI can do, which is like for like: our answer is ready bytes too, made when
somebody asks and the desk's picture is a new one (twice a second here).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from broker import simulated
from measured_desk import LIVE, daemon_process, free_port
from process import HERE, PATIENCE, cpu_seconds, line_of, running, unheard
from result import Figure, Run, high, middle, say

PATH = "/api/system/health"
RATE = 200  # a second
SECONDS = 8
REQUESTS = 4000  # a round
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who answers."""

    name: str
    pid: int
    port: int
    path: str = PATH


async def _visit(server: Server, *how: str) -> dict[str, Any]:
    command = sys.executable, str(HERE / "visitor.py"), str(server.port), server.path, *how
    async with running(*command, core=1) as visitor:
        told: dict[str, Any] = await line_of(visitor, patience=120)
    if told["status"] != 200:
        raise RuntimeError(f"{server.name} answered {told['status']}")
    return told


@asynccontextmanager
async def _fastapi(name: str, path: str, body: Path, *options: str) -> AsyncIterator[Server]:
    port = free_port()
    command = "-m", "uvicorn", "peer_fastapi:app", "--app-dir", str(HERE), "--port", str(port), *options
    async with running(sys.executable, *command, env={"HEALTH_BODY": str(body)}, core=0) as process:
        async with unheard(process), asyncio.timeout(PATIENCE):
            answers = False
            while not answers:
                await asyncio.sleep(0.1)
                answers = await asyncio.to_thread(_answers, port)
        async with unheard(process):
            yield Server(name, process.pid, port, path)


def _answers(port: int) -> bool:
    try:
        return bool(_body(port))
    except OSError:
        return False


def _body(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{PATH}", timeout=5) as answer:
        return bytes(answer.read())


async def _cost(server: Server) -> tuple[float, float]:
    """CPU microseconds a request, and requests a second."""
    before = cpu_seconds(server.pid)
    told = await _visit(server, "count", str(REQUESTS))
    used = cpu_seconds(server.pid) - before
    return 1e6 * used / REQUESTS, 8 * len(told["taken"]) / sum(told["taken"])


def _latencies(run: Run, rounds: list[list[float]]) -> None:
    for name, share, goal in (("p50", 0.5, None), ("p99", 0.99, 5.0)):
        values = [1000 * high(taken, share) for taken in rounds]
        run.add(
            Figure(
                name=f"health answer at {RATE} requests a second, {name}",
                value=middle(values),
                unit="ms",
                samples=sum(map(len, rounds)),
                at_most=goal,
                rounds=values,
                note="median of the rounds",
            )
        )


def _costs(run: Run, costs: dict[str, list[tuple[float, float]]]) -> None:
    ours, *peers = costs
    cpu = {name: [cost[0] for cost in rounds] for name, rounds in costs.items()}
    for nth, peer in enumerate(peers):
        run.add(
            Figure(
                name="CPU for one health answer" + ("", ", against a declared type", ", against ready bytes")[nth],
                value=middle(cpu[ours]),
                unit="µs",
                samples=REQUESTS * ROUNDS,
                peer=peer,
                peer_value=middle(cpu[peer]),
                ratio=middle([theirs / own for own, theirs in zip(cpu[ours], cpu[peer], strict=True)]),
                ratio_at_least=5.0 if nth == 0 else None,
                rounds=cpu[ours],
                note=f"the peer's rounds: {', '.join(f'{value:.0f}' for value in cpu[peer])}",
            )
        )


async def _all() -> None:
    run = Run(__file__)
    say(f"health.py: {ROUNDS} x {SECONDS} s at {RATE} requests a second, then {ROUNDS} x {REQUESTS} requests each")
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(simulated(LIVE))
        token = await broker.mint()
        daemon = await stack.enter_async_context(daemon_process(LIVE, broker, token=token))
        await daemon.until_streaming()
        ours = Server("tradewarden", daemon.pid, daemon.port)
        _latencies(run, [(await _visit(ours, "paced", str(RATE), str(SECONDS)))["taken"] for _ in range(ROUNDS)])
        body = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "health.json"
        body.write_bytes(await asyncio.to_thread(_body, daemon.port))
        plain = await stack.enter_async_context(_fastapi("FastAPI on uvicorn's defaults", PATH, body))
        declared = replace(plain, name="FastAPI on uvicorn's defaults, type declared", path="/declared")
        quick = await stack.enter_async_context(
            _fastapi("FastAPI, ready bytes, no log", "/bytes", body, "--no-access-log")
        )
        servers = [ours, plain, declared, quick]
        costs: dict[str, list[tuple[float, float]]] = {server.name: [] for server in servers}
        for _ in range(ROUNDS):
            for server in servers:
                costs[server.name].append(await _cost(server))
        _costs(run, costs)
    run.keep()


if __name__ == "__main__":
    asyncio.run(_all())
