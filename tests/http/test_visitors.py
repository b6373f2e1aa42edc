"""Who counts as a program on this machine, and whose share of a limit a request uses."""

from __future__ import annotations

import os
import struct

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from tradewarden.http.visitors import Viewer, Visitors, address, is_control, is_local


class Transport:
    """One end of a TCP connection from this peer."""

    def __init__(self, peer: str) -> None:
        self._peer = peer

    def get_extra_info(self, name: str) -> object:
        return {"peername": (self._peer, 50000), "sockname": ("127.0.0.1", 8700)}.get(name)

    def is_closing(self) -> bool:
        return False


def request(peer: str, host: str = "localhost:8700", **headers: str) -> web.Request:
    given = CIMultiDict({"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()})
    return make_mocked_request("GET", "/metrics", headers=given, transport=Transport(peer))


class ControlTransport:
    """The control socket with a process of this user at its other end."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def get_extra_info(self, name: str) -> object:
        return {"peername": "", "sockname": "/run/tradewarden/control.sock", "socket": self}.get(name)

    def getsockopt(self, _level: int, _option: int, _size: int) -> bytes:
        return struct.pack("3i", 4711, self._uid, 100)

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize(("uid", "trusted"), [(0, True), (1001, True), (1002, False)])
def test_the_control_socket_trusts_its_own_user_and_root(
    monkeypatch: pytest.MonkeyPatch,
    uid: int,
    trusted: bool,  # noqa: FBT001 - a table
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 1001)
    asked = make_mocked_request("GET", "/metrics", headers={"Host": "localhost"}, transport=ControlTransport(uid))
    assert is_control(asked) is trusted
    visitors = Visitors("secret")
    assert (visitors.visit(asked) is not None) is trusted
    assert (visitors.viewer(asked) is Viewer.KNOWN) is trusted


@pytest.mark.parametrize("host", ["localhost:8700", "127.0.0.1:8700", "127.0.0.1", "[::1]:8700"])
def test_a_program_on_this_machine_is_local(host: str) -> None:
    assert is_local(request("127.0.0.1", host))
    assert is_local(request("::1", host))


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"])
def test_whoever_comes_through_a_proxy_on_this_machine_is_not_local(header: str) -> None:
    assert not is_local(request("127.0.0.1", **{header: "127.0.0.1"}))


def test_another_machine_is_not_local() -> None:
    assert not is_local(request("192.168.1.7"))


def test_a_web_page_that_points_its_own_name_at_this_machine_is_not_local() -> None:
    assert not is_local(request("127.0.0.1", "evil.example:8700"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "share"),
    [
        ("127.0.0.1", None, "127.0.0.1"),
        ("198.51.100.4", None, "198.51.100.4"),
        ("198.51.100.4", "203.0.113.9", "198.51.100.4"),  # only a proxy on this machine is believed
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4, 203.0.113.9", "203.0.113.9"),  # what stands before was written by the asker
        ("127.0.0.1", "2001:db8::17", "2001:db8::/64"),
        ("127.0.0.1", "2001:db8::99", "2001:db8::/64"),
        ("::ffff:198.51.100.4", None, "198.51.100.4"),
        ("127.0.0.1", "nonsense", "unknown"),
    ],
)
def test_a_share_belongs_to_the_address_that_our_own_proxy_saw(peer: str, forwarded: str | None, share: str) -> None:
    headers = {} if forwarded is None else {"X_Forwarded_For": forwarded}
    assert address(request(peer, **headers)) == share


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "127.0.0.1:abc", "::1", "xn--", "[", "", "a b"])
def test_a_host_that_is_no_name_is_none_of_this_machine(host: str) -> None:
    assert is_local(request("127.0.0.1")) is True
    assert is_local(request("127.0.0.1", host)) is False
