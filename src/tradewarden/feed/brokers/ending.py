"""Why a connection to a broker ended, in one word for the machines and a few for people."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp


@dataclass(frozen=True, slots=True)
class Ending:
    """The reason as the machines know it, and a detail that holds no address and no secret."""

    reason: str
    detail: str
    status: int = 0


MUTE, CLOSED = "mute", "closed"
DROPPED = Ending("network", "the connection broke off")


def of_dial(error: Exception, patience: float) -> Ending:
    """Why an attempt to connect came to nothing, in our own words: aiohttp's hold the address with the token."""
    match error:
        case aiohttp.WSServerHandshakeError(status=status):
            return of_status(status)
        case aiohttp.ClientConnectorDNSError():
            return Ending("network", "the broker's host name could not be looked up")
        case aiohttp.ClientConnectorError(os_error=os_error):
            return _of_connect(os_error)
        case TimeoutError():
            return Ending("network", f"no answer within {patience:g} s")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return Ending("server", "the answer was not HTTP")
        case _:
            return Ending("network", "the connection broke off before the broker answered")


def of_status(status: int) -> Ending:
    """What an HTTP status at the handshake means."""
    match status:
        case HTTPStatus.FORBIDDEN:
            return Ending("refused", "the broker refused the token", status)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Ending("rate_limited", "the broker asks for fewer attempts (HTTP 429)", status)
        case HTTPStatus.BAD_REQUEST:
            return Ending("configuration", "the broker does not understand the api key or token (HTTP 400)", status)
        case _:
            return Ending("server", f"the broker answered HTTP {status} where a WebSocket was due", status)


def of_message(kind: aiohttp.WSMsgType, data: object) -> Ending:
    """Why an open connection ended, from the last thing it said; a broker's own words might repeat the token."""
    match kind:
        case aiohttp.WSMsgType.CLOSE:
            return Ending(CLOSED, f"the broker closed it, code {data or 'none'}")
        case aiohttp.WSMsgType.ERROR if isinstance(data, aiohttp.WebSocketError):
            return Ending("server", f"the broker broke the rules of WebSocket, code {int(data.code)}")
        case _:
            return DROPPED


def _of_connect(error: OSError) -> Ending:
    match error:
        case ssl.SSLCertVerificationError(verify_message=why):
            return Ending("tls", f"the broker's certificate is not trusted: {why}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Ending("network", "the connection broke off before the broker answered")
        case ssl.SSLError(reason=why):
            return Ending("tls", f"no TLS connection: {str(why).replace('_', ' ').lower()}")
        case _:
            return Ending("network", f"cannot connect{': ' + os.strerror(error.errno) if error.errno else ''}")
