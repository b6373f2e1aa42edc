"""Kite's daily dump of instruments, read in a process of its own: one JSON request in, the few needed lines out.

The dump has some hundred thousand lines. It is unpacked and sifted here as it arrives, so that neither its megabytes
nor the second that it takes ever touch the daemon. It needs no token: Kite gives it to everybody.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import zlib
from collections.abc import Iterator
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from tradewarden.machines.dump import DumpError, Sieve, to_row
from tradewarden.machines.instruments import Needs

KITE_TIME = ZoneInfo("Asia/Kolkata")
HEADERS = {"X-Kite-Version": "3", "Accept-Encoding": "gzip", "User-Agent": "tradewarden"}
CHUNK = 64 * 1024
LARGEST = 256 * 1024 * 1024  # unpacked; forty times what the whole dump has
LONGEST_LINE = 64 * 1024
OK = 200

Request = dict[str, Any]
Answer = dict[str, Any]


def fetch(request: Request) -> Answer:
    """The needed lines of today's dump, or why it cannot be used."""
    day = date.fromisoformat(request["day"])
    needs = Needs(
        frozenset((exchange, name) for exchange, name in request["underlyings"]),
        frozenset(request["symbols"]),
        frozenset(request["tokens"]),
    )
    sieve, late = Sieve(needs, request["lines"]), None
    for exchange in needs.exchanges:
        try:
            with requests.get(
                f"{request['root']}/instruments/{exchange}", headers=HEADERS, timeout=request["timeout"], stream=True
            ) as response:
                if response.status_code != OK:
                    return {"outcome": "unreachable", "text": f"Kite answered {response.status_code}"}
                sieve.read(exchange, _lines(response))
                late = late or _late(response.headers.get("Last-Modified"), day)
        except DumpError as error:
            return {"outcome": "refused", "text": f"the dump of {exchange}: {error}"}
    kept = sieve.finish(day)
    return {
        "outcome": "ok",
        "late": late or sieve.late(day),
        "lines": sieve.lines,
        "instruments": [to_row(each) for each in kept],
    }


def _late(modified: str | None, day: date) -> str | None:
    """Whether Kite itself says that it made this dump on an earlier day."""
    if modified is None:
        return None
    try:
        made = parsedate_to_datetime(modified)
    except ValueError:
        return None
    made = made.astimezone(KITE_TIME)
    return f"it is not of {day}: Kite made it on {made:%Y-%m-%d %H:%M}" if made.date() < day else None


def _lines(response: requests.Response) -> Iterator[str]:
    """The text, line by line with its ends. Raises DumpError for what is cut off, too large or no text."""
    rest = b""
    for piece in _unpacked(response):
        *whole, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_LINE:
            raise DumpError("it has no lines")
        for line in whole:
            yield _text(line + b"\n")
    if rest:
        yield _text(rest)


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise DumpError("it is not UTF-8 text") from None


def _unpacked(response: requests.Response) -> Iterator[bytes]:
    packed = response.headers.get("Content-Encoding", "") == "gzip"
    unpack, size, arrived = zlib.decompressobj(wbits=31), 0, 0
    try:
        for raw in response.raw.stream(CHUNK, decode_content=False):
            arrived += len(raw)
            piece = unpack.decompress(raw) if packed else raw
            size += len(piece)
            if size > LARGEST:
                raise DumpError(f"it is larger than {LARGEST >> 20} MB")
            yield piece
    except zlib.error:
        raise DumpError("its compression is damaged") from None
    except ProtocolError:
        raise DumpError(f"it is cut off after {arrived} bytes") from None
    if packed and arrived and not unpack.eof:
        raise DumpError(f"it is cut off after {arrived} bytes")


def answer(request: Request) -> Answer:
    """The answer to one request, whatever the network does."""
    try:
        return fetch(request)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in here, the daemon wants one sentence of it
        return {"outcome": "unreachable", "text": _why(error)}


def _why(error: Exception) -> str:
    match error:
        case requests.exceptions.SSLError():
            return "Kite's certificate is not trusted, or TLS failed"
        case requests.exceptions.Timeout() | ReadTimeoutError():
            return "Kite did not answer in time"
        case requests.exceptions.RequestException():
            return "Kite cannot be reached, or broke off"
        case _:
            return f"Kite's dump could not be read ({type(error).__name__})"


def main() -> None:
    """One request, one answer, gone."""
    request = json.load(sys.stdin)
    signal.alarm(math.ceil(request["deadline"]) + 1)  # should the daemon die meanwhile, this ends too
    json.dump(answer(request), sys.stdout)


if __name__ == "__main__":
    main()
