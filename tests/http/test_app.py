from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from pictures import Desk, all_well, serving
from tradewarden.http import app


async def test_the_process_lives_and_is_ready(desk: Desk, session: ClientSession) -> None:
    async with session.get(f"{desk.url}/livez") as response:
        assert (response.status, response.content_type, await response.text()) == (200, "text/plain", "ok\n")
    async with session.get(f"{desk.url}/readyz") as response:
        assert (response.status, json.loads(await response.read())) == (200, {"status": "pass"})


async def test_a_daemon_that_stops_lives_but_is_not_ready(desk: Desk, session: ClientSession) -> None:
    desk.http.close_streams()
    async with session.get(f"{desk.url}/readyz") as response:
        assert (response.status, json.loads(await response.read())) == (503, {"status": "fail", "reason": "stopping"})
    async with session.get(f"{desk.url}/livez") as response:
        assert response.status == 200
    async with session.get(f"{desk.url}/api/system/health/events") as response:
        assert response.status == 503


async def test_a_picture_that_stops_is_not_ready_either(desk: Desk, session: ClientSession) -> None:
    desk.reports.show(all_well(stopping=True))
    async with session.get(f"{desk.url}/readyz") as response:
        assert response.status == 503


async def test_a_port_in_use_is_an_os_error_and_leaves_nothing_behind(desk: Desk, tmp_path: Path) -> None:
    control = tmp_path / "control.sock"
    with pytest.raises(OSError, match="Address already in use"):
        async with serving(port=desk.http.port, control_path=control):
            pass
    assert not control.exists()


async def test_a_control_socket_that_cannot_be_made_frees_the_port(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"/control\.sock: (AF_UNIX path too long|No such file)"):
        async with serving(control_path=tmp_path / ("x" * 120) / "control.sock"):
            pass


async def test_a_client_that_sends_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.IDLE <= 10
    monkeypatch.setattr(app, "IDLE", 0.1)
    async with serving() as desk, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.http.port)
        assert await reader.read() == b""
        writer.close()


async def test_whoever_may_open_the_control_socket_is_trusted_without_a_token(tmp_path: Path) -> None:
    control = tmp_path / "control.sock"
    control.touch()  # left behind by a daemon that was killed
    async with serving(control_path=control) as desk:
        assert stat.S_IMODE(control.stat().st_mode) == 0o600
        async with ClientSession(connector=UnixConnector(str(control))) as session:
            async with session.get("http://localhost/api/system/health/auth") as response:
                assert json.loads(await response.read())["has_token"] is True
            async with session.post("http://localhost/api/system/health/auth/verify") as response:
                assert response.status == 200
            async with session.get("http://localhost/metrics") as response:
                assert response.status == 200
            proxied = {"X-Forwarded-For": "203.0.113.9"}
            async with session.get("http://localhost/api/system/health/auth", headers=proxied) as response:
                assert json.loads(await response.read())["has_token"] is None
        assert desk.verifier.asked == 1
    assert not control.exists()


async def test_a_request_in_flight_is_answered_before_the_end(session: ClientSession) -> None:
    async with serving() as desk:
        begun = asyncio.get_running_loop().time()
        async with session.get(f"{desk.url}/livez") as response:
            assert response.status == 200
        await desk.http.stop()
        assert asyncio.get_running_loop().time() - begun < 2


async def test_it_can_be_stopped_twice_and_before_it_began(desk: Desk) -> None:
    await desk.http.stop()
    await desk.http.stop()
