"""What the daemon makes of faults that no task raises."""

import asyncio
import errno

import structlog

from tradewarden.orchestrator.fault import faults_of_callbacks


async def test_a_listener_without_descriptors_is_one_line_a_minute_and_no_fault() -> None:
    loop = asyncio.get_running_loop()
    failed = faults_of_callbacks()
    trouble = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many open files"),
        "socket": None,
    }
    with structlog.testing.capture_logs() as logs:
        for _ in range(128):
            loop.call_exception_handler(trouble)
    assert [(line["event"], line["why"]) for line in logs] == [("http.cannot_accept", "Too many open files")]
    assert not failed.done()


async def test_a_fault_in_a_timer_is_a_fault_of_the_daemon() -> None:
    failed = faults_of_callbacks()
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    async with asyncio.timeout(5):
        assert isinstance(await failed, ZeroDivisionError)
