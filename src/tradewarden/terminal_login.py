"""A login from a terminal: through the running daemon, or straight into the token file when none runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tradewarden.control import Answer, Control, ForbiddenError, UnreachableError, told
from tradewarden.feed.brokers.kite_rest import BrokerRefused, BrokerUnreachable, KiteRest
from tradewarden.machines.account import FEEDING
from tradewarden.orchestrator.statedir import StateDirectoryError, claim, token_file
from tradewarden.orchestrator.token import TokenStore
from tradewarden.orchestrator.token_file import UnusableFileError, read_own
from tradewarden.settings import Settings
from tradewarden.settings_accounts import section_of

PATIENCE = 30.0  # seconds for the broker's answer


async def login(
    settings: Settings, account: str | None = None, *, say: Callable[[str], None], ask: Callable[[], str]
) -> int:
    """Print the login link, take the redirect URL or the request token, and say how it ended (exit status 0 or 1)."""
    async with Control.of(settings) as control:
        try:
            begun = await (control.get("/login") if account is None else control.get("/login", account=account))
        except ForbiddenError as error:
            say(str(error))
            return 1
        except UnreachableError:
            begun = None
        if begun is not None:
            return await _through_the_daemon(control, begun, say, ask)
    try:
        with claim(settings.state_dir):
            return await _without_a_daemon(settings, account or FEEDING, say, ask)
    except StateDirectoryError as error:
        say(str(error))
        return 1


async def _through_the_daemon(
    control: Control, begun: Answer, say: Callable[[str], None], ask: Callable[[], str]
) -> int:
    link = begun.headers.get("Location")
    if link is None:
        say(told(begun.body))
        return 1
    # Kite brings the state back inside redirect_params; a bare request token needs it from here.
    state = dict(parse_qsl(dict(parse_qsl(urlsplit(link).query)).get("redirect_params", "")))
    answer = _answer(link, say, ask)
    if answer is None:
        return 1
    try:
        ended = await control.get("/auth/callback", patience=PATIENCE, **(state | answer))
    except UnreachableError as error:
        say(f"Nobody knows how the login ended: {error} Look at `tradewarden status`.")
        return 1
    say(told(ended.body))
    return 0 if ended.body.get("outcome") == "logged_in" else 1


async def _without_a_daemon(settings: Settings, name: str, say: Callable[[str], None], ask: Callable[[], str]) -> int:
    kite, section, file = settings.every_account[name], section_of(name), token_file(settings.state_dir, name)
    if not kite.api_key or kite.api_secret is None:
        say(f"{section}.api_key and {section}.api_secret are not set: see the README on connecting Kite.")
        return 1
    rest = KiteRest(
        rest_url=kite.rest_url,
        login_url=kite.login_url,
        api_key=kite.api_key,
        api_secret=kite.api_secret.get_secret_value(),
    )
    answer = _answer(rest.login_page("terminal"), say, ask)
    if answer is None:
        return 1
    try:
        session = await rest.exchange(answer["request_token"])
    except (BrokerRefused, BrokerUnreachable) as error:
        say(error.text)
        return 1
    if kite.user_id is not None and session.user_id != kite.user_id:
        owned = f"The account {name}" if settings.accounts else "This desk"
        say(f"{owned} belongs to {kite.user_id}; the login was made as {session.user_id}. Nothing was changed.")
        return 1
    now = datetime.now(UTC)
    store = TokenStore(file, watched=[], exports=kite.export_files, now=lambda: now, user_id=kite.user_id)
    store.load()
    store.save(session.access_token, user_id=session.user_id, minted_at=session.minted_at or now)
    if not _is_kept(file, session.access_token):
        say(f"Kite logged in {session.user_id}, but {file} could not be written: the token is lost.")
        return 1
    say(
        f"Logged in as {session.user_id}. No daemon is running; the token is in {file},"
        " where it will find it when it starts."
    )
    return 0


def _is_kept(file: Path, access_token: str) -> bool:
    """Whether the file holds the token: the store itself never fails, since a daemon has it in memory as well."""
    try:
        return read_own(file).found.value == access_token
    except (OSError, UnusableFileError):
        return False


def _answer(link: str, say: Callable[[str], None], ask: Callable[[], str]) -> dict[str, str] | None:
    """What the person brought back: the whole address of the page they ended on, or the request token alone."""
    say(f"Log in here:\n  {link}\nthen paste the address of the page you end on (or the request token):")
    pasted = ask().strip()
    answer = dict(parse_qsl(urlsplit(pasted).query)) if "request_token=" in pasted else {"request_token": pasted}
    if re.fullmatch(r"[\w-]{6,}", answer.get("request_token", "")):
        return answer
    say("That is neither the address of the page after the login nor a request token. Nothing was changed.")
    return None
