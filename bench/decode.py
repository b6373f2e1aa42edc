"""What it costs to read the broker's frames, beside the official KiteTicker's decoder.

The simulator's packets of shares, 1 to 500 in a frame, and a mixed frame (indices, last prices, quotes, full). Decoders
take turns in rounds; the value is CPU time for one tick, the ratio the median of the rounds' ratios. Our ticks keep the
order book as bytes until somebody reads it, which the first lines do not; the lines below them charge for reading it:
the best bid and offer through `depth`, all ten levels through `depth`, and the official client's very dictionaries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Any

from kiteconnect import KiteTicker
from result import Figure, Run, say

from tradewarden.feed.brokers.decoder import decode
from tradewarden.orchestrator.clock import IST
from tradewarden.simulator.packets import Mode, frames, packet
from tradewarden.simulator.prices import Board

ROUNDS = 9
SLICE = 0.15  # CPU seconds of one decoder in one round
MOMENT = datetime(2026, 11, 23, 10, 0, tzinfo=IST)
NIFTY = 256265

Decoder = Callable[[bytes], Any]


def _frame(wishes: list[tuple[int, Mode]]) -> bytes:
    board = Board(MOMENT.date(), seed=3)
    return next(frames([packet(board.quote(token, MOMENT), mode) for token, mode in wishes]))


def _full(count: int) -> bytes:
    return _frame([((1000 + nth) << 8 | 1, Mode.FULL) for nth in range(count)])


def _mixed() -> bytes:
    modes = [Mode.LTP, Mode.QUOTE, Mode.FULL, Mode.FULL, Mode.FULL]
    shares = [((1000 + nth) << 8 | 1, modes[nth % 5]) for nth in range(95)]
    return _frame([*shares, *[(NIFTY, Mode.QUOTE), (NIFTY, Mode.FULL)] * 2, (NIFTY, Mode.LTP)])


def _best(frame: bytes) -> None:
    for tick in decode(frame)[0]:
        depth = tick.depth
        if depth is not None:
            _ = depth.buy[0], depth.sell[0]


def _dictionaries(frame: bytes) -> list[dict[str, Any]]:
    return [tick.to_kite_dict() for tick in decode(frame)[0]]


def _levels(frame: bytes) -> None:
    for tick in decode(frame)[0]:
        _ = tick.depth


def _seconds_a_tick(decoder: Decoder, frame: bytes, count: int) -> float:
    frames_read, begun = 0, time.process_time()
    while True:
        decoder(frame)
        frames_read += 1
        took = time.process_time() - begun
        if took >= SLICE:
            return took / frames_read / count


def _compare(ours: Decoder, theirs: Decoder, frame: bytes, count: int) -> tuple[float, float, float]:
    rounds = [(_seconds_a_tick(ours, frame, count), _seconds_a_tick(theirs, frame, count)) for _ in range(ROUNDS)]
    mine, others = zip(*rounds, strict=True)
    return median(mine), median(others), median(b / a for a, b in rounds)


def main() -> None:
    run = Run(__file__)
    say(f"decode.py: {ROUNDS} rounds of {SLICE} CPU seconds for each decoder and frame")
    theirs = KiteTicker("key", "token")._parse_binary  # noqa: SLF001 - the official client has no other door
    hundred = _full(100)
    if _dictionaries(hundred) != theirs(hundred):
        raise RuntimeError("the two decoders do not agree")
    for name, decoder, frame, count, goal in (
        ("1 full tick a frame", decode, _full(1), 1, None),
        ("50 full ticks a frame", decode, _full(50), 50, None),
        ("100 full ticks a frame", decode, hundred, 100, 15.0),
        ("500 full ticks a frame", decode, _full(500), 500, None),
        ("100 mixed ticks a frame", decode, _mixed(), 100, None),
        ("100 full ticks, order book read, all ten levels", _levels, hundred, 100, 5.0),
        ("100 full ticks, as the official client's dictionaries", _dictionaries, hundred, 100, None),
    ):
        own, peer, ratio = _compare(decoder, theirs, frame, count)
        run.add(
            Figure(
                name=f"decode, {name}",
                value=own * 1e6,
                unit="µs CPU a tick",
                samples=ROUNDS,
                peer="KiteTicker._parse_binary",
                peer_value=peer * 1e6,
                ratio=ratio,
                ratio_at_least=goal,
            )
        )
    run.keep()


if __name__ == "__main__":
    main()
