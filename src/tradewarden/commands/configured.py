"""The settings as a command gets them: whole, or one sentence a problem on the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tradewarden.commands.terminal import complain

if TYPE_CHECKING:
    from tradewarden.control import Control
    from tradewarden.machines.calendar import Calendar
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def settings_and_calendar(config: Path | None, *, lenient: bool = False) -> tuple[Settings, Calendar] | None:
    """The settings and the calendar, or nothing once every problem has been told.

    `lenient` leaves bad calendar files out: the daemon says so all day, but a slip of last night keeps no desk shut.
    """
    from tradewarden.machines.calendar_file import CalendarError
    from tradewarden.orchestrator.calendar import load_calendar, load_good_files
    from tradewarden.settings import load
    from tradewarden.settings_sources import ConfigError

    calendars: list[Calendar] = []

    def segments(state: Path) -> Collection[str]:
        calendars.append(load_good_files(state) if lenient else load_calendar(state))
        return calendars[-1].segments

    try:
        return load(config, known_segments=segments), calendars[-1]
    except CalendarError as error:
        complain(*str(error).splitlines())
    except ConfigError as error:
        complain(*error.problems)
    return None


def settings_of(config: Path | None) -> Settings | None:
    """The settings alone, for a command that asks a daemon; nothing once every problem has been told."""
    from tradewarden.settings import load
    from tradewarden.settings_sources import ConfigError

    try:
        return load(config)
    except ConfigError as error:
        complain(*error.problems)
        return None


def way_of(config: Path | None) -> Settings:
    """The settings for a command that only needs the way to the daemon: a fault is told, and keeps nobody out.

    With a fault there is only what leads to the daemon: its state, its address, its keepers, and no service.
    """
    from tradewarden.settings import load
    from tradewarden.settings_sources import ConfigError
    from tradewarden.settings_way import way

    try:
        return load(config)
    except ConfigError as error:
        settings = way(config)
        complain(*error.problems, f"going on all the same, with the state in {settings.state_dir.absolute()}.")
        return settings


def settings_with(parsed: argparse.Namespace) -> Settings | None:
    """The settings, if they have the account that was named; nothing once every problem has been told."""
    settings = settings_of(parsed.config)
    if settings is None or parsed.account is None or parsed.account in settings.every_account:
        return settings
    complain(f"--account: {parsed.account!r} is no account; known are {', '.join(settings.every_account)}.")
    return None


def door_of(parsed: argparse.Namespace) -> tuple[str | None, Path | None]:
    """Where to ask the daemon: the URL that was typed, or what the settings say."""
    from tradewarden.control import door

    return (parsed.url, None) if parsed.url is not None else door(way_of(parsed.config))


def control_of(url: str | None, settings: Settings) -> Control:
    """The way to the daemon as an admin, for what not everybody may.

    A URL that was typed gets the token of the settings, and the generated one only if it leads to this machine.
    """
    from urllib.parse import urlsplit

    from tradewarden.control import Control
    from tradewarden.orchestrator.statedir import kept_admin_token

    if url is None:
        return Control.of(settings)
    own, here = settings.http.admin_token, urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    kept = kept_admin_token(settings.state_dir) if here else None
    return Control(url=url, token=own.get_secret_value() if own else kept)
