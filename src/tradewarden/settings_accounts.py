"""The broker accounts: `[kite]` feeds the ticks, `[accounts.<name>]` are further ones whose tokens others need."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from tradewarden.machines.account import FEEDING
from tradewarden.orchestrator.statedir import token_file
from tradewarden.settings_kinds import LOOPBACK, File, Hour, Section, SocketUrl, WebUrl, Word
from tradewarden.settings_sources import Sources


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", text, re.ASCII) or len(text) > 32:  # noqa: PLR2004 - a label
        raise ValueError("allowed is a name of up to 32 small letters, digits, - and _, such as family")
    if text == FEEDING:
        raise ValueError(f"{FEEDING} is the first account, in the table [{FEEDING}]; allowed is any other name")
    return text


AccountName = Annotated[str, AfterValidator(_name)]


class AccountSettings(Section):
    """A further account at Zerodha Kite: its token is looked after like the first one's, but no feed depends on it."""

    api_key: Word | None = Field(None, repr=False, description="of the app at Kite Connect")
    api_secret: SecretStr | None = Field(None, min_length=1, description="of the same app; needed for logins only")
    user_id: Word | None = Field(None, description="logins and tokens of another account are refused")
    rest_url: WebUrl = Field("https://api.kite.trade", description="logins and questions about the token go there")
    login_url: WebUrl = Field("https://kite.zerodha.com/connect/login", description="where a person logs in")
    probe_hours: list[Hour] = Field(["06:00", "07:35", "08:15"], description="IST; when tokens are known to die")
    warn_at: Hour = Field("08:15", description="IST; when a login that is needed today is asked for, on trading days")
    token_files: list[File] = Field([], description="files in which other programs save a token")
    export_files: list[File] = Field([], description="files that get each fresh token, for other programs")


class KiteSettings(AccountSettings):
    """The account at Zerodha Kite that the ticks come with."""

    ticker_url: SocketUrl = Field("wss://ws.kite.trade", description="ticks come from there")


def section_of(account: str) -> str:
    """The table of an account, as a person writes it."""
    return FEEDING if account == FEEDING else f"accounts.{account}"


def about_accounts(accounts: Mapping[str, AccountSettings]) -> Iterator[str]:
    """What works but will surprise somebody, one sentence each."""
    for name, account in accounts.items():
        yield from _about(section_of(name), account)


def _about(section: str, account: AccountSettings) -> Iterator[str]:
    if not account.api_key or account.api_secret is None:
        yield (
            f"{section}.api_key and {section}.api_secret are not both set:"
            " nobody can log in here; tokens come from files."
        )
    if account.user_id is None:
        yield f"{section}.user_id is not set: a login of any account would be taken."
    for name in ("rest_url", "ticker_url", "login_url"):
        parts = urlsplit(getattr(account, name, ""))
        if parts.scheme in ("http", "ws") and parts.hostname not in LOOPBACK:
            yield f"{section}.{name} is {parts.geturl()}: the token would travel unencrypted."
    for name in ("token_files", "export_files"):
        for file in getattr(account, name):
            if not file.parent.is_dir():
                yield f"{section}.{name} has {file}, but there is no directory {file.parent}."


def clashes(accounts: Mapping[str, AccountSettings], state: Path, sources: Sources) -> Iterator[str]:
    """What no account can know by itself: whose login is whose, and which file belongs to whom."""
    yield from _about_owners(accounts, sources)
    own = {token_file(state, name).resolve() for name in accounts}
    holders: defaultdict[Path, dict[str, str]] = defaultdict(dict)
    for name, account in accounts.items():
        for key in ("token_files", "export_files"):
            for path in getattr(account, key):
                setting, where = _place(name, key, sources)
                told = f"{where}: {setting} has {str(path)!r}"
                others = [each for whose, each in holders[path.resolve()].items() if whose != name]
                if path.resolve() in own:
                    yield f"{told}, the daemon's own token file; allowed is any other file."
                elif others:
                    yield f"{told}, which {others[0]} has too; allowed is one account a file."
                holders[path.resolve()].setdefault(name, setting)


def _about_owners(accounts: Mapping[str, AccountSettings], sources: Sources) -> Iterator[str]:
    """With several accounts each login must be told apart from the others'."""
    owners: dict[str, str] = {}
    for name, account in accounts.items() if len(accounts) > 1 else ():
        setting, where = _place(name, "user_id", sources)
        if account.user_id is None:
            section = tuple(section_of(name).split("."))
            if (*section, "user_id") not in sources.faulty:
                yield f"{sources.origin(section)}: {setting} is not set; with several accounts each needs its own."
        elif account.user_id in owners:
            other = owners[account.user_id]
            yield f"{where}: {setting} = {account.user_id!r} is that of {other}; allowed is each account once."
        else:
            owners[account.user_id] = section_of(name)


def _place(account: str, key: str, sources: Sources) -> tuple[str, str]:
    """A setting as a person writes it, and where it came from."""
    section = section_of(account)
    return f"{section}.{key}", sources.origin((*section.split("."), key))
