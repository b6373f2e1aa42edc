from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession

from pictures import ADMIN, Desk, all_well, asks_for_a_login, lost, weekend
from tradewarden.http import live
from tradewarden.http.health import Answer

EVENTS = "/api/system/health/events"


@dataclass
class Listener:
    """An SSE client that keeps each event's lines."""

    response: ClientResponse
    comments: list[str] = field(default_factory=list)

    async def event(self, name: str = "health") -> tuple[dict[str, str], Any]:
        """The next event of this name: its fields and its data."""
        async with asyncio.timeout(5):
            while True:
                fields: dict[str, str] = {}
                while line := (await self.response.content.readline()).decode().rstrip("\n"):
                    if line.startswith(":"):
                        self.comments.append(line)
                    else:
                        key, _, value = line.partition(": ")
                        fields[key] = value
                if self.response.content.at_eof() and not fields:
                    raise EOFError
                if fields.get("event") == name:
                    return fields, json.loads(fields["data"])

    async def end(self) -> None:
        """Read until the server ends the stream."""
        async with asyncio.timeout(5):
            while await self.response.content.readline():
                pass


@asynccontextmanager
async def listening(session: ClientSession, desk: Desk, **headers: str) -> AsyncIterator[Listener]:
    async with session.get(f"{desk.url}{EVENTS}", headers=headers) as response:
        assert response.status == 200, await response.text()
        yield Listener(response)


async def test_a_new_client_gets_the_whole_document_at_once_and_again_with_every_change(
    desk: Desk, session: ClientSession
) -> None:
    async with listening(session, desk) as listener:
        assert listener.response.content_type == "text/event-stream"
        assert listener.response.headers["Cache-Control"] == "no-store"
        assert listener.response.headers["X-Accel-Buffering"] == "no"
        assert listener.response.headers["X-Frame-Options"] == "DENY"
        fields, document = await listener.event()
        assert (fields["id"], document["headline"]["code"]) == (str(document["seq"]), "market.live")
        desk.reports.show(asks_for_a_login())
        fields, changed = await listener.event()
        assert (fields["id"], changed["headline"]["code"]) == (str(document["seq"] + 1), "auth.required")
        async with session.get(f"{desk.url}/api/system/health") as response:
            assert json.loads(await response.read()) == changed


async def test_each_kind_of_viewer_hears_its_own_document(desk: Desk, session: ClientSession) -> None:
    async with listening(session, desk) as public, listening(session, desk, Authorization=f"Bearer {ADMIN}") as private:
        for listener, holds in ((public, False), (private, True)):
            _, document = await listener.event()
            assert ("userId" in document["checks"]["auth:token"][0]) is holds
        desk.reports.show(lost())
        for listener, holds in ((public, False), (private, True)):
            _, document = await listener.event()
            assert ("attempt" in document["checks"]["feed:stream"][0]) is holds


async def test_passing_time_alone_is_no_event(desk: Desk, session: ClientSession) -> None:
    async with listening(session, desk) as listener:
        await listener.event()
        desk.reports.pass_time(seconds=120)
        desk.reports.show(weekend())
        _, document = await listener.event()
        assert document["headline"]["code"] == "market.closed"


async def test_a_client_that_sleeps_wakes_to_the_newest_state_and_not_to_a_queue(
    desk: Desk, session: ClientSession
) -> None:
    async with listening(session, desk) as listener:
        await listener.event()
        for picture in (lost(), weekend(), asks_for_a_login()):
            desk.reports.show(picture)
        _, document = await listener.event()
        assert (document["headline"]["code"], document["seq"]) == ("auth.required", desk.reports.picture.seq)


async def test_a_frame_is_made_once_for_all_clients(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    framed = live._framed

    def count(answer: Answer) -> bytes:
        made.append(answer.picture.seq)
        return framed(answer)

    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(listening(session, desk)) for _ in range(10)]
        for listener in listeners:
            await listener.event()
        monkeypatch.setattr(live, "_framed", count)
        desk.reports.show(lost())
        assert len({(await listener.event())[0]["data"] for listener in listeners}) == 1
    assert len(made) == 1


async def test_a_quiet_stream_shows_that_it_lives(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK", 0.01)
    async with listening(session, desk) as listener:
        _, data = await listener.event("clock")
        assert data == {"now": "2026-01-05T10:02:10+05:30"}
        assert listener.comments == []
        desk.clock.mono += 15_000_000_000
        await listener.event("clock")
        assert listener.comments == [": ping"]


async def test_a_heartbeat_that_stops_is_told_and_so_is_its_return(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK", 0.01)
    async with listening(session, desk) as listener:
        await listener.event()
        desk.reports.age = 6
        assert (await listener.event())[1]["headline"]["code"] == "system.stale"
        desk.reports.age = 0.1
        assert (await listener.event())[1]["headline"]["code"] == "market.live"


async def test_one_address_may_hold_twenty_streams_and_programs_on_this_machine_more(
    desk: Desk, session: ClientSession
) -> None:
    through_a_proxy = {"X-Forwarded-For": "203.0.113.9"}
    async with AsyncExitStack() as stack:
        for _ in range(live.CLIENTS_PER_ADDRESS):
            await stack.enter_async_context(listening(session, desk, **through_a_proxy))
        async with session.get(f"{desk.url}{EVENTS}", headers=through_a_proxy) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "30")
            assert json.loads(await response.read())["type"] == "/problems/too-many-clients"
        for _ in range(live.CLIENTS_PER_ADDRESS + 1):
            await stack.enter_async_context(listening(session, desk))


async def test_there_is_a_cap_on_all_streams_together(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLIENTS", 3)
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(listening(session, desk))
        async with session.get(f"{desk.url}{EVENTS}") as response:
            assert response.status == 503


async def test_a_client_that_left_frees_its_place_at_once(
    desk: Desk, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CLIENTS", 1)
    for _ in range(3):
        async with listening(session, desk) as listener:
            await listener.event()
        async with asyncio.timeout(5):
            while desk.http._live.count():  # noqa: ASYNC110 - the connection's end comes from the loop itself
                await asyncio.sleep(0)


async def test_connecting_again_and_again_is_limited_for_others_than_this_machine(
    desk: Desk, session: ClientSession
) -> None:
    for _ in range(60):
        async with session.get(f"{desk.url}{EVENTS}", headers={"X-Forwarded-For": "203.0.113.9"}) as response:
            assert response.status == 200
    async with session.get(f"{desk.url}{EVENTS}", headers={"X-Forwarded-For": "203.0.113.9"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "1")


async def test_fifty_open_streams_do_not_delay_the_end(desk: Desk, session: ClientSession) -> None:
    async with AsyncExitStack() as stack:
        listeners = [await stack.enter_async_context(listening(session, desk)) for _ in range(50)]
        for listener in listeners:
            await listener.event()
        desk.reports.show(all_well(stopping=True))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await desk.http.stop()
        assert loop.time() - begun < 2  # shutdown_timeout is 5 s, and an unaware handler takes twice that
        for listener in listeners:
            assert (await listener.event())[1]["headline"]["code"] == "system.stopping"
            await listener.end()


async def test_a_client_that_does_not_read_does_not_hold_up_the_others(desk: Desk, session: ClientSession) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", desk.http.port)
    writer.write(f"GET {EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    async with listening(session, desk) as listener:
        await listener.event()
        for number in range(2000):  # 4 MB in all: more than any socket's buffer
            desk.reports.show(lost() if number % 2 else weekend())
            assert (await listener.event())[1]["seq"] == desk.reports.picture.seq
    writer.close()
    raw = b""
    async with asyncio.timeout(5):
        while chunk := await reader.read(1 << 20):
            raw += chunk
            if re.search(rb"id: %d\n" % desk.reports.picture.seq, raw):
                break
    await writer.wait_closed()
