"""A broker without a broker: its frames, its simulation, whole days rehearsed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tradewarden.commands.argument import Adder
from tradewarden.commands.terminal import BAD_DATA, complain, live, say

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _decode(parsed: argparse.Namespace) -> int:
    from tradewarden.feed.brokers.decoder import frame_to_kite_json

    try:
        frame = sys.stdin.buffer.read() if parsed.file == "-" else Path(parsed.file).read_bytes()
    except OSError as trouble:
        complain(f"{parsed.file}: {trouble.strerror}")
        return 1
    ticks, faults = frame_to_kite_json(frame)
    for tick in ticks:
        sys.stdout.buffer.write(tick + b"\n")
    sys.stdout.flush()
    complain(*faults)
    return BAD_DATA if faults else 0


def _describe_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("broker", choices=["kite"])
    simulate.add_argument("--port", type=int, default=8701)
    simulate.add_argument(
        "--redirect-url", default="http://127.0.0.1:8700/auth/callback", help="where a login returns to"
    )
    simulate.add_argument("--api-key", default="demokey")
    simulate.add_argument("--api-secret", default="demosecret")
    simulate.add_argument("--user-id", default="AB1234")
    simulate.add_argument(
        "--replay", type=Path, metavar="CSV", help="a recorded day: ticks, or minute bars with volume"
    )


def _simulate(parsed: argparse.Namespace) -> int:
    from tradewarden.orchestrator.clock import SystemClock
    from tradewarden.simulator.kite import KiteSimulator, PortError, serve
    from tradewarden.simulator.replay import ReplayError

    def opened(simulator: KiteSimulator) -> None:
        say(f"Simulated Kite at {simulator.url}; api key {parsed.api_key}, logins return to {parsed.redirect_url}")

    try:
        return live(
            lambda stop: serve(
                parsed.port,
                now=SystemClock().now,
                stop=stop,
                redirect_url=parsed.redirect_url,
                api_key=parsed.api_key,
                api_secret=parsed.api_secret,
                user_id=parsed.user_id,
                replay=parsed.replay,
                opened=opened,
            )
        )
    except PortError as error:
        complain(error.strerror or str(error))
        return 1
    except ReplayError as error:
        complain(str(error))
        return BAD_DATA


def _rehearse(parsed: argparse.Namespace) -> int:
    import json

    from tradewarden import log
    from tradewarden.rehearse import ScriptError, rehearse

    log.configure("error", stream=sys.stderr)
    try:
        script = sys.stdin.buffer.read() if parsed.file == "-" else Path(parsed.file).read_bytes()
        lines = script.decode("utf-8-sig").split("\n")
        met = rehearse(lines, say=lambda line: say(json.dumps(line)), complain=complain)
    except (ScriptError, UnicodeDecodeError) as mistake:
        complain(f"{parsed.file}: {mistake}")
        return BAD_DATA
    except OSError as trouble:
        complain(f"{parsed.file}: {trouble.strerror}")
        return 1
    return 0 if met else 1


def add_broker(add: Adder) -> None:
    """What needs no broker."""
    decode = add("decode", _decode, "one WebSocket frame of the broker, as one JSON object a tick")
    decode.add_argument("broker", choices=["kite"])
    decode.add_argument("file", help="- reads standard input")

    _describe_simulate(add("simulate", _simulate, "only the simulated broker, for your own programs"))

    rehearse = add("rehearse", _rehearse, "play a script of a trading day through the real machines in virtual time")
    rehearse.add_argument("file", help="JSON Lines, see docs/rehearsals.md; - reads standard input")
