"""Requests that no program of good faith sends, byte for byte: each has an answer, and none is a fault of ours."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable, Iterator, Mapping
from itertools import product

import pytest

from live_desk import ADMINS, LiveDesk, live_desk

FORM = "application/x-www-form-urlencoded"
ADMIN = ADMINS["Authorization"]
Request = tuple[str, str, Mapping[str, str], bytes]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDesk]:
    with live_desk(tmp_path_factory.mktemp("desk"), '[services.feed]\ncommand = ["sleep", "1000"]\n') as running:
        running.begin()
        yield running


def forms() -> Iterator[Request]:
    bodies = (b"name=\xff&password=x", b"name=a&name=b&password=x", b"%", b"name=%00&password=%ff", b"&" * 5000)
    for path, body in product(("/api/session", "/sign-out", "/api/session/password"), bodies):
        yield "POST", path, {"Content-Type": FORM}, body
    for kind in (f"{FORM}; charset=bogus", f"{FORM}; charset=utf-16", "multipart/form-data; boundary=x", ";;;", "\x7f"):
        yield "POST", "/api/session", {"Content-Type": kind}, b"name=ab"


def heads() -> Iterator[Request]:
    hosts = ("[", "[::1", "a b", "127.0.0.1:99999", "", "::1", "xn--", "a" * 300, "127.0.0.1:abc", "%00")
    for host, path in product(hosts, ("/", "/metrics", "/api/session", "/docs")):
        yield "GET", path, {"Host": host}, b""
    for origin in ("http://[", "null", "", "http://127.0.0.1:99999"):
        yield "POST", "/api/session", {"Origin": origin}, b"{}"
    for header in ("Bearer \xff\xfe", "Bearer", "Bearer tw_" + "x" * 5000, "Basic Zm9v", "bearer\t" + ADMIN[7:]):
        yield "GET", "/api/audit", {"Authorization": header}, b""
    for cookie in (
        "tradewarden=\xff",
        "tradewarden=" + "x" * 7000,
        ";;;==",
        'tradewarden="\\377"',
        "tradewarden=a; tradewarden=b",
    ):
        yield "POST", "/api/session/password", {"Cookie": cookie, "X-CSRF-Token": "\xff"}, b"{}"
    for address in ("unknown", "1.2.3.4:80", "[::1]", "a, b, ,", "::ffff:1.2.3.4", "999.1.1.1", "fe80::1%eth0"):
        yield "POST", "/api/session", {"X-Forwarded-For": address}, b'{"name":"a","password":"b"}'
    for coding in ("gzip", "deflate", "br", "zstd", "x"):
        yield "POST", "/api/desk/stop", {"Authorization": ADMIN, "Content-Encoding": coding}, b"junk"
    bomb = gzip.compress(b" " * 50_000_000)
    yield "POST", "/api/desk/stop", {"Authorization": ADMIN, "Content-Encoding": "gzip"}, bomb


def places() -> Iterator[Request]:
    told = {"Authorization": ADMIN}
    for path in (
        "/%ff",
        "/api/services/%ff",
        "/api/logs/%e2%28%a1",
        "//",
        "/..%2f",
        "/?%ff=%fe",
        "/auth/callback?" + "a=b&" * 500,
    ):
        yield "GET", path, told, b""
    for moment in ("0001-01-01", "9999-12-31T23:59:59-12:00", "%00", "9" * 5000 + "d", "1e9"):
        for path in ("/api/runs", "/api/runs/statistics", "/api/logs"):
            yield "GET", f"{path}?since={moment}", told, b""
    for day in ("0001-01-01", "9999-12-31", "2026-W01-1", "%00", "20261399"):
        for path in ("/api/market/calendar", "/api/signals"):
            yield "GET", f"{path}?day={day}", told, b""
    for condition in ('"', "W/", "*", "a" * 5000):
        yield "GET", "/docs", {"If-None-Match": condition, "If-Modified-Since": "x", "If-Range": "y"}, b""
    for part in ("bytes=0-1", "bytes=9999999-", "bytes=5-2", "lines=1"):
        yield "GET", "/openapi.json", {"Range": part}, b""


def sent(desk: LiveDesk, request: Request) -> int:
    """The status; 0 when the daemon let go of the connection."""
    method, path, headers, body = request
    told = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    with socket.create_connection(("127.0.0.1", desk.port), timeout=10) as wire:
        wire.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        try:
            said = wire.recv(4096)
        except ConnectionResetError:
            return 0
    return int(said.split()[1]) if said else 0


@pytest.mark.parametrize("requests", [forms, heads, places])
def test_each_is_answered_and_none_is_a_fault(requests: Callable[[], Iterator[Request]], desk: LiveDesk) -> None:

    found = [(request, status) for request in requests() if (status := sent(desk, request)) >= 500 or status < 200]
    assert found == []
    assert desk.events("http.fault") == []
    assert desk.health() is not None
