"""One message of a bot to one Telegram chat."""

from __future__ import annotations

from tradewarden.machines.alert import Message
from tradewarden.orchestrator.senders.delivery import DeliveryError, post


class Telegram:
    """The bot's token is part of the address, so the address never leaves this object."""

    name = "telegram"

    def __init__(self, *, api_url: str, bot_token: str, chat_id: str, patience: float = 10.0) -> None:
        self._url = f"{api_url}/bot{bot_token}/sendMessage"
        self._chat_id = chat_id
        self._patience = patience

    async def send(self, _message: Message, text: str) -> None:
        """Deliver it once. Raises DeliveryError."""
        body = {"chat_id": self._chat_id, "text": text, "disable_web_page_preview": True}
        said = await post(self._url, body, patience=self._patience)
        if said.get("ok") is not True:
            raise DeliveryError("answered, but not that it was sent")
