"""Frames of ticks that the simulated broker pours into one client: at a pace, or as fast as the line carries them.

Each frame carries the moment at which it was handed to the line in its first packet, where the day's volume and the
buyers' quantity stand (eight bytes of monotonic nanoseconds), so that the client's callback can tell how long it took.
"""

from __future__ import annotations

import asyncio
import time
from struct import Struct

from tradewarden.simulator.kite import KiteSimulator
from tradewarden.simulator.packets import Mode, frames, packet
from tradewarden.simulator.stream import Stream

STAMP = Struct(">Q")
PLACE = 2 + 2 + 16  # count, length, and what precedes the volume in a packet


def stamped(volume: int, buyers: int) -> int:
    """The moment that a packet carries in these two."""
    return volume << 32 | buyers


async def pour(broker: KiteSimulator, *, to: int, packets: int, count: int, pace: float | None, burst: int) -> None:
    """Send frames to the one client that has subscribed to this instrument; `pace` is frames a second, or none.

    So many of them, a burst, are sent without a pause.
    """
    stream = _whose(broker, to)
    tokens = [token for token in stream.modes if token >= to][:packets]
    frame = bytearray(next(frames([packet(broker.board.quote(token, broker.now()), Mode.FULL) for token in tokens])))
    loop = asyncio.get_running_loop()
    begun = loop.time()
    for nth in range(count):
        if pace is not None and (wait := begun + (nth - nth % burst) / pace - loop.time()) > 0:
            await asyncio.sleep(wait)
        STAMP.pack_into(frame, PLACE, time.monotonic_ns())
        await stream._line.send_bytes(bytes(frame))  # noqa: SLF001 - past the simulator's own pace


def _whose(broker: KiteSimulator, token: int) -> Stream:
    found = [stream for stream in broker._streams if token in stream.modes]  # noqa: SLF001 - as above
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} clients have subscribed to instrument {token}, not one")
    return found[0]
