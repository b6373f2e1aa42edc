"""Every route of a running desk, asked with any query, headers that matter and any body, over a real socket.

An input is: the number of a route, a byte of flags, the query string, an empty line, the body. The desk must answer
what it can stand for: never 500, and what it says no to is a problem document.
"""

from __future__ import annotations

import asyncio
import atexit
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import orjson

from desk import LIVE, Desk, running_desk
from fuzz_targets import NESTED, Target
from tradewarden import log
from tradewarden.http.allowance import Allowance
from tradewarden.orchestrator.clock import ShiftedClock

ADMIN, JSON, FOREIGN, COMPRESSED = 1, 2, 4, 8
PATIENCE = 20.0
ENDLESS = re.compile(r"/(events|logs/stream)$")  # a stream ends when the desk does
SECONDS_EACH = re.compile(r"^/api/query$")  # a good question takes a process of its own
SAID = {
    "/api/market/calendar": (b"segment=NSE_EQ&day=2026-11-23", b"segment=XYZ&day=0001-01-01", b"day=9999-12-31"),
    "/api/market/override": (
        b'\n\n{"segment":"NSE_EQ","state":"closed","reason":"why","until":"2026-11-23T12:00:00+05:30"}',
        b'\n\n{"segment":"NSE_EQ","expect":"dense","reason":"why","minutes":5}',
    ),
    "/auth/callback": (b"request_token=abc&status=success&state=xyz", b"status=failure"),
    "/api/auth/errors": (b'\n\n{"type":"TokenException","message":"expired","generation":3}',),
    "/api/auth/logout": (b'\n\n{"account":"nobody"}',),
    "/api/query": (b'\n\n{"sql":7,"rows":-1}',),
    "/api/retention": (b'\n\n{"sink":"sqlite","days":3}',),
    "/api/gaps": (b"from=2026-11-23T00:00:00%2B05:30&to=x&limit=-1",),
    "/api/logs": (
        b"grep=x&since=15m&lines=5&level=error&format=text",
        b"since=2026-11-23T09:15:00Z&service=feed&lines=-1",
    ),
    "/api/desk/start": (b'\n\n{"names":["feed"],"all":true,"tier":["critical"],"without":["x"]}', b'\n\n{"all":true}'),
    "/api/desk/reload": (b'\n\n{"dry":true}',),
    "/api/services/{name}/auto-restart": (b'feed\n\n{"on":false}',),
    "/metrics": (b"",),
}


class Door:
    """The desk, started at the first question, and its routes in an order that stays."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        folder = Path(tempfile.mkdtemp(prefix="tradewarden-fuzz-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        asyncio.set_event_loop(self._loop)
        log.configure("error", stream=(folder / "log").open("w"))
        _grant()
        self._context = running_desk(folder, ShiftedClock(LIVE))
        self._desk: Desk = self._loop.run_until_complete(self._context.__aenter__())
        runner = self._desk.parts.http._runner
        assert runner is not None
        routes = {
            (route.method, str(route.get_info().get("path") or route.get_info().get("formatter")))
            for route in runner.app.router.routes()
        }
        self.routes = sorted(routes)

    def ask(self, data: bytes) -> None:
        """One request and its answer."""
        method, path = self.routes[(data[0] if data else 0) % len(self.routes)]
        flags, rest = data[1] if len(data) > 1 else 0, data[2:]
        query, _, body = rest.partition(b"\n\n")
        if ENDLESS.search(path) or (SECONDS_EACH.search(path) and _is_a_question(body)):
            return
        path = re.sub(r"\{\w+\}", lambda _: quote(query[:20], safe=""), path)
        request = _request(method, f"{path}?{quote(query, safe='=&%+;:/-._~')}", flags, body)
        status, headers, answer = self._loop.run_until_complete(self._told(request))
        if not status:
            return
        assert status != 500, f"{method} {path}: {answer[:300]!r}"
        if 400 <= status < 500 and path.startswith("/api/") and method != "HEAD":
            assert b"application/problem+json" in headers, f"{method} {path} {status}: {headers!r} {answer[:300]!r}"
            assert orjson.loads(answer)["status"] == status

    async def _told(self, request: bytes) -> tuple[int, bytes, bytes]:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._desk.parts.http.port)
            try:
                writer.write(request)
                raw = await reader.read()
            except ConnectionError:
                return 0, b"", b""
            finally:
                writer.close()
        head, _, answer = raw.partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else 0, head, answer


def _grant() -> None:
    """Let one visitor ask as often as it likes, but for what starts a process at each question."""
    take = Allowance.take

    def generous(self: Allowance, address: str) -> int:
        return take(self, address) if self._count == 1 else 0

    Allowance.take = generous  # type: ignore[method-assign]


def _is_a_question(body: bytes) -> bool:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(said, dict) and isinstance(said.get("sql"), str)


def _request(method: str, target: str, flags: int, body: bytes) -> bytes:
    head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    if flags & ADMIN:
        head.append("Authorization: Bearer desktestadmin")
    if flags & JSON:
        head.append("Content-Type: application/json")
    if flags & FOREIGN:
        head += ["Origin: https://elsewhere.example", "Sec-Fetch-Site: cross-site"]
    if flags & COMPRESSED:
        head.append("Content-Encoding: gzip")
    return "\r\n".join([*head, "", ""]).encode() + body


_DOOR: list[Door] = []


def _door() -> Door:
    if not _DOOR:
        _DOOR.append(Door())
    return _DOOR[0]


def _requests() -> Iterator[bytes]:
    for nth, (_method, path) in enumerate(_door().routes):
        for said in (b"", *SAID.get(path, ())):
            yield bytes([nth, ADMIN | JSON]) + said
        yield bytes([nth, 0])
    yield bytes([0, ADMIN | JSON]) + b"\n\n" + NESTED


def _ask(data: bytes) -> None:
    _door().ask(data)


DOORS = [
    Target("http", _requests, _ask, (b'{"', b"&", b"=", b"%00", b"%ff", b"\n\n", b"null", b"2026-11-23", b"1e999"))
]
