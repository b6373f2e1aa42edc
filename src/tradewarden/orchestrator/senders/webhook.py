"""One POST of JSON to an address of the operator's: a chat's incoming webhook, or a program of the desk."""

from __future__ import annotations

from tradewarden.machines.alert import Message
from tradewarden.orchestrator.senders.delivery import post


class Webhook:
    """Chats that take `{"text": ...}` show the text; programs find the rest beside it."""

    name = "webhook"

    def __init__(self, url: str, *, patience: float = 10.0) -> None:
        self._url = url
        self._patience = patience

    async def send(self, message: Message, text: str) -> None:
        """Deliver it once. Raises DeliveryError."""
        whose = {} if message.account is None else {"account": message.account}
        body = {
            "text": text,
            "kind": message.kind,
            "layer": str(message.layer),
            "code": message.code,
            "title": message.title,
            "time": message.at.isoformat(timespec="seconds"),
            **whose,
        }
        await post(self._url, body, patience=self._patience)
