"""One e-mail through the operator's mail server, by the standard library's client in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
import threading
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from tradewarden.machines.alert import Message
from tradewarden.orchestrator.senders.delivery import DeliveryError

_PERMANENT = 500  # SMTP's answers from here on are final


class Email:
    """Speaks to one mail server; a thread that outlives its deadline is left to its own and ends with the daemon."""

    name = "email"

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: str,
        sender: str,
        recipients: Sequence[str],
        user: str | None = None,
        password: str | None = None,
        patience: float = 20.0,
    ) -> None:
        self._host, self._port, self._security = host, port, security
        self._sender, self._recipients = sender, tuple(recipients)
        self._user, self._password = user, password
        self._patience = patience

    async def send(self, message: Message, text: str) -> None:
        """Deliver it once. Raises DeliveryError."""
        mail = EmailMessage()
        mail["Subject"] = f"tradewarden: {message.title}"
        mail["From"], mail["To"] = self._sender, ", ".join(self._recipients)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(text)
        try:
            async with asyncio.timeout(self._patience):
                await self._in_a_thread(mail)
        except TimeoutError:
            raise DeliveryError(f"no answer within {self._patience:g} s") from None

    def _in_a_thread(self, mail: EmailMessage) -> asyncio.Future[None]:
        """A thread that nobody waits for at the end: the pool's threads would hold up the daemon's stop."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def settle(trouble: DeliveryError | None) -> None:
            if done.done():
                return
            if trouble is None:
                done.set_result(None)
            else:
                done.set_exception(trouble)

        def work() -> None:
            trouble = self._deliver(mail)
            with contextlib.suppress(RuntimeError):  # the daemon has stopped meanwhile, and its loop is closed
                loop.call_soon_threadsafe(settle, trouble)

        threading.Thread(target=work, name="alerts.email", daemon=True).start()
        return done

    def _deliver(self, mail: EmailMessage) -> DeliveryError | None:
        """The whole conversation; what goes wrong is told without the server's words, which may quote a secret."""
        try:
            with self._connected() as server:
                if self._user is not None and self._password is not None:
                    server.login(self._user, self._password)
                refused = server.send_message(mail)
        except (smtplib.SMTPException, OSError, ValueError) as trouble:
            return _told(trouble)
        return DeliveryError(f"{len(refused)} recipients were refused", final=True) if refused else None

    def _connected(self) -> smtplib.SMTP:
        if self._security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self._host, self._port, timeout=self._patience, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=self._patience)
        if self._security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def _told(trouble: Exception) -> DeliveryError:
    match trouble:
        case smtplib.SMTPAuthenticationError():
            return DeliveryError(f"the login was refused ({trouble.smtp_code})", final=True)
        case smtplib.SMTPNotSupportedError():
            return DeliveryError("the server offers no STARTTLS or no login", final=True)
        case smtplib.SMTPResponseException():
            return DeliveryError(f"answered {trouble.smtp_code}", final=trouble.smtp_code >= _PERMANENT)
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in trouble.recipients.values()]
            return DeliveryError("every recipient was refused", final=min(codes) >= _PERMANENT)
        case ssl.SSLError():
            return DeliveryError("its certificate is not trusted, or TLS failed")
        case _:
            return DeliveryError(f"not reachable ({type(trouble).__name__})")
