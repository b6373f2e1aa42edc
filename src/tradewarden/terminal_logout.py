"""The end of the broker's session from a terminal, and a token error of another program: through the daemon."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tradewarden.control import Control, ForbiddenError, UnreachableError
from tradewarden.feed.brokers.kite_rest import BrokerUnreachable, KiteRest
from tradewarden.machines.account import FEEDING
from tradewarden.orchestrator.statedir import StateDirectoryError, claim, token_file
from tradewarden.orchestrator.token import TokenStore
from tradewarden.settings import Settings

UNAVAILABLE = 69
PATIENCE = 20.0  # seconds for the broker's answer

Say = Callable[[str], None]


async def logout(settings: Settings, account: str | None = None, *, say: Say) -> int:
    """Forget the token and kill it at the broker; exit status 0 when it is dead there, 1 when that is not known."""
    try:
        async with Control.of(settings) as control:
            answer = await control.post("/api/auth/logout", _body(account), patience=PATIENCE)
    except ForbiddenError as error:
        say(str(error))
        return 1
    except UnreachableError:
        return await _alone(settings, account or FEEDING, say)
    say(_text(answer.body))
    return 0 if answer.body.get("killedAtBroker") or answer.body.get("outcome") == "no_token" else 1


async def _alone(settings: Settings, account: str, say: Say) -> int:
    try:
        with claim(settings.state_dir):
            return await _without_a_daemon(settings, account, say)
    except StateDirectoryError as error:
        say(str(error))
        return 1


def _body(account: str | None) -> dict[str, Any]:
    """Nobody named means the feeding account."""
    return {} if account is None else {"account": account}


async def _without_a_daemon(settings: Settings, account: str, say: Say) -> int:
    kite, now = settings.every_account[account], datetime.now(UTC)
    own = token_file(settings.state_dir, account)
    store = TokenStore(own, exports=kite.export_files, now=lambda: now, user_id=kite.user_id)
    token = store.load()
    store.drop()
    if token is None:
        say("No token was held.")
        return 0
    rest = KiteRest(rest_url=kite.rest_url, login_url=kite.login_url, api_key=kite.api_key or "", api_secret="")
    try:
        await rest.invalidate(token.value)
    except BrokerUnreachable as trouble:
        say(f"The token is forgotten here, but it may work until it expires: {trouble.text}.")
        return 1
    say("Logged out; the token is dead at the broker.")
    return 0


async def token_error(
    settings: Settings, kind: str, message: str, generation: int | None, account: str | None = None, *, say: Say
) -> int:
    """Tell the daemon of a token error; exit status 0 when it was taken, 1 when not, 69 when no daemon answers."""
    body: dict[str, Any] = {"type": kind, "message": message} | _body(account)
    if generation is not None:
        body["generation"] = generation
    try:
        async with Control.of(settings) as control:
            answer = await control.post("/api/auth/errors", body)
    except UnreachableError as error:
        say(str(error))
        return UNAVAILABLE
    say(_text(answer.body))
    return 0 if answer.body.get("accepted") else 1


def _text(body: Any) -> str:
    if not isinstance(body, dict):
        return str(body)
    faults = [f"{fault.get('pointer', 'body')}: {fault['detail']}" for fault in body.get("errors", ())]
    return "; ".join(faults) or str(body.get("text") or body.get("title"))
