"""How a message leaves the desk: what every sender does, and how it says that it could not."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import aiohttp
import orjson

from tradewarden.machines.alert import Message

LARGEST = 64 * 1024  # bytes of an answer that are read


class DeliveryError(Exception):
    """A message was not delivered; the text says why, without any address or secret."""

    def __init__(self, text: str, *, final: bool = False, wait: float | None = None) -> None:
        super().__init__(text)
        self.final = final  # trying again would not help
        self.wait = wait  # seconds that the other side asks for


class Sender(Protocol):
    """One way out of the desk."""

    name: str

    async def send(self, message: Message, text: str) -> None:
        """Deliver it once. Raises DeliveryError; never takes longer than its deadline."""
        ...


async def post(url: str, body: dict[str, Any], *, patience: float) -> dict[str, Any]:
    """One POST of JSON; the answer's JSON object, an empty one if it is none. Raises DeliveryError."""
    try:
        async with (
            asyncio.timeout(patience),
            aiohttp.ClientSession() as session,
            session.post(
                url, data=orjson.dumps(body), headers={"Content-Type": "application/json"}, allow_redirects=False
            ) as answer,
        ):
            said = _object(await answer.content.read(LARGEST))
            if not answer.ok or answer.status >= 300:  # noqa: PLR2004 - a redirect delivers nothing
                raise _refusal(answer.status, answer.headers.get("Retry-After"), said)
            return said
    except TimeoutError:
        raise DeliveryError(f"no answer within {patience:g} s") from None
    except (aiohttp.ClientError, OSError) as trouble:  # their texts may hold the address, and that may be a secret
        raise DeliveryError(f"not reachable ({type(trouble).__name__})") from None


def _refusal(status: int, retry_after: str | None, said: dict[str, Any]) -> DeliveryError:
    is_passing = status >= 500 or status in (408, 425, 429)  # noqa: PLR2004 - HTTP
    parameters = said.get("parameters")
    told = str(parameters.get("retry_after") if isinstance(parameters, dict) else retry_after)  # Telegram: in the body
    wait = float(told) if told.isdecimal() else None
    return DeliveryError(f"answered {status}", final=not is_passing, wait=wait)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
