"""The driver's way in: without what few logins need, and with it as soon as a server asks."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Final

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tradewarden.feed.sinks.mysql_server import Server
from tradewarden.feed.sinks.sink import SinkUnavailableError

SALT: Final = b"12345678901234567890"
LEARNT: Final = """
import sys
from tradewarden.feed.sinks.mysql_driver import learn_all_logins
print("cryptography" in sys.modules, learn_all_logins(), learn_all_logins(), "cryptography" in sys.modules)
"""


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def greeting() -> bytes:
    """A server of MySQL 8 that knows one way to log in, which wants the password encrypted with its key."""
    capabilities = 0x000FA68F | 1 << 19 | 1 << 15
    return packet(
        0,
        b"\x0a8.0.36\0" + (7).to_bytes(4, "little") + SALT[:8] + b"\0" + (capabilities & 0xFFFF).to_bytes(2, "little")
        + b"\x2d\x02\0" + (capabilities >> 16).to_bytes(2, "little") + b"\x15" + bytes(10) + SALT[8:] + b"\0"
        + b"caching_sha2_password\0",
    )  # fmt: skip


def test_the_package_is_loaded_when_a_login_needs_it_and_not_before() -> None:
    told = subprocess.run([sys.executable, "-c", LEARNT], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout.split() == ["False", "True", "False", "True"]


async def test_a_server_that_wants_the_password_encrypted_gets_it_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncmy.auth._have_cryptography", False)  # as it is in a process without a test's imports
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    passwords, dials = list[bytes](), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def read() -> bytes:
            head = await reader.readexactly(4)
            return await reader.readexactly(int.from_bytes(head[:3], "little"))

        nonlocal dials
        dials += 1
        try:
            writer.write(greeting())
            await read()
            writer.write(packet(2, b"\x01\x04"))  # prove it in full
            assert await read() == b"\x02"  # then tell me your key
            writer.write(packet(4, b"\x01" + pem))
            padded = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
            plain = key.decrypt(await read(), padded)
            passwords.append(bytes(byte ^ SALT[place % len(SALT)] for place, byte in enumerate(plain)))
        except asyncio.IncompleteReadError:  # it hung up to learn
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    server = Server(host="127.0.0.1", port=port, user="desk", password="open sesame", database="desk", tls=False)
    with pytest.raises(SinkUnavailableError):  # which then hangs up, having seen what the test wants to see
        async with server.translated():
            await server.connect()
    listener.close()
    assert passwords == [b"open sesame\0"]
    assert dials == 2
