"""The broker accounts of the desk: each with its token, its files, its logins."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import time
from typing import TYPE_CHECKING

from tradewarden import log
from tradewarden.feed.brokers.kite_rest import KiteRest
from tradewarden.feed.brokers.open_door import OpenDoor
from tradewarden.machines.account import FEEDING
from tradewarden.machines.auth import AuthToken
from tradewarden.orchestrator.account import Account
from tradewarden.orchestrator.accounts import Member
from tradewarden.orchestrator.auth import AuthDriver
from tradewarden.orchestrator.clock import Clock
from tradewarden.orchestrator.driver import Spawn
from tradewarden.orchestrator.login import Login
from tradewarden.orchestrator.no_login import NoLogin
from tradewarden.orchestrator.statedir import token_file
from tradewarden.orchestrator.token import TokenStore

if TYPE_CHECKING:  # the daemon gets values, see settings_apart: what reads them costs 11 MB
    from pydantic import SecretStr

    from tradewarden.settings import AccountSettings, Settings


def rest_of(account: AccountSettings) -> KiteRest:
    """The broker's answers to one account's logins and questions."""
    return KiteRest(
        rest_url=account.rest_url,
        login_url=account.login_url,
        api_key=account.api_key or "",
        api_secret=secret_of(account.api_secret) or "",
    )


def member(
    name: str, settings: Settings, *, broker: KiteRest, clock: Clock, spawn: Spawn, changed: Callable[[], None]
) -> Member:
    """One broker account: its token, its files, its logins."""
    account = settings.every_account[name]
    if name == FEEDING and settings.feed.source != "kite":
        return guest(clock, spawn, changed)
    store = TokenStore(
        token_file(settings.state_dir, name),
        watched=account.token_files,
        exports=account.export_files,
        now=clock.now,
        user_id=account.user_id,
    )
    auth = AuthDriver(
        AuthToken(random.random),
        clock,
        spawn,
        changed,
        broker=broker,
        store=store,
        user_id=account.user_id,
        probe_hours=[time.fromisoformat(hour) for hour in account.probe_hours],
        learned=log.hide,
        account=name if settings.accounts else None,
    )
    possible = account.api_key and account.api_secret
    section = FEEDING if name == FEEDING else f"accounts.{name}"
    login = Login(auth, broker.login_page if possible else None, clock, section=section)
    return Member(auth, login, Account(auth, broker))


def guest(clock: Clock, spawn: Spawn, changed: Callable[[], None]) -> Member:
    """In the account's place on a desk that lives off a bus: there is nothing to log in to, so nobody is asked to."""
    door = OpenDoor()
    auth = AuthDriver(
        AuthToken(random.random),
        clock,
        spawn,
        changed,
        broker=door,
        store=NoLogin(clock.now),
        probe_hours=[],
        dies_daily=False,
    )
    return Member(auth, Login(auth, None, clock), Account(auth, door))


def secret_of(value: SecretStr | None) -> str | None:
    """The secret itself, hidden from the log from now on."""
    if value is None:
        return None
    log.hide(value.get_secret_value())
    return value.get_secret_value()
