"""A login from a terminal: through the running daemon, or straight into the token file when none runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from tradewarden.control import Control, UnreachableError
from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, KiteRest
from tradewarden.orchestrator.statedir import control_socket
from tradewarden.orchestrator.token import TokenStore
from tradewarden.settings import Settings

PATIENCE = 30.0  # seconds for the broker's answer


async def login(settings: Settings, *, say: Callable[[str], None], ask: Callable[[], str]) -> int:
    """Print the login link, take the redirect URL or the request token, and say how it ended (exit status 0 or 1)."""
    try:
        async with Control(socket=control_socket(settings.state_dir)) as control:
            return await _through_the_daemon(control, say, ask)
    except UnreachableError:
        return await _without_a_daemon(settings, say, ask)


async def _through_the_daemon(control: Control, say: Callable[[str], None], ask: Callable[[], str]) -> int:
    begun = await control.get("/login")
    link = begun.headers.get("Location")
    if link is None:
        say(
            str(begun.body.get("detail") or begun.body.get("title"))
            if isinstance(begun.body, dict)
            else str(begun.body)
        )
        return 1
    # Kite brings the state back inside redirect_params; a bare request token needs it from here.
    state = dict(parse_qsl(dict(parse_qsl(urlsplit(link).query)).get("redirect_params", "")))
    answer = state | _answer(link, say, ask)
    ended = await control.get("/auth/callback", patience=PATIENCE, **answer)
    say(ended.body["text"])
    return 0 if ended.body["outcome"] == "logged_in" else 1


async def _without_a_daemon(settings: Settings, say: Callable[[str], None], ask: Callable[[], str]) -> int:
    kite = settings.kite
    if not kite.api_key or kite.api_secret is None:
        say("kite.api_key and kite.api_secret are not set: see the README on connecting Kite.")
        return 1
    rest = KiteRest(
        rest_url=kite.rest_url,
        login_url=kite.login_url,
        api_key=kite.api_key,
        api_secret=kite.api_secret.get_secret_value(),
    )
    request_token = _answer(rest.login_page("terminal"), say, ask).get("request_token", "")
    try:
        session = await rest.exchange(request_token)
    except (BrokerRefused, BrokerUnreachable) as error:
        say(error.text)
        return 1
    if kite.user_id is not None and session.user_id != kite.user_id:
        say(f"This desk belongs to {kite.user_id}; the login was made as {session.user_id}. Nothing was changed.")
        return 1
    now = datetime.now(UTC)
    store = TokenStore(
        settings.token_file, watched=[], exports=kite.export_files, now=lambda: now, user_id=kite.user_id
    )
    store.load()
    store.save(session.access_token, user_id=session.user_id, minted_at=session.minted_at or now)
    say(f"Logged in as {session.user_id}. No daemon is running; it will find the token when it starts.")
    return 0


def _answer(link: str, say: Callable[[str], None], ask: Callable[[], str]) -> dict[str, str]:
    """What the person brought back: the whole address of the page they ended on, or the request token alone."""
    say(f"Log in here:\n  {link}\nthen paste the address of the page you end on (or the request token):")
    pasted = ask().strip()
    return dict(parse_qsl(urlsplit(pasted).query)) if "request_token=" in pasted else {"request_token": pasted}
