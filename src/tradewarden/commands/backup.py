"""Backup and restore."""

from __future__ import annotations

import argparse

from tradewarden.commands.argument import Adder, add_config
from tradewarden.commands.configured import settings_of
from tradewarden.commands.terminal import BAD_CONFIGURATION, complain, keep_private

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _backup(parsed: argparse.Namespace) -> int:
    from tradewarden.backup_command import backup

    settings = settings_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    return backup(settings.state_dir, parsed.file, ticks=parsed.ticks, say=complain)


def _restore(parsed: argparse.Namespace) -> int:
    from tradewarden.backup_command import restore

    keep_private()
    settings = settings_of(parsed.config)
    if settings is None:
        return BAD_CONFIGURATION
    return restore(settings.state_dir, parsed.file, force=parsed.force, say=complain)


def add_backup(add: Adder) -> None:
    """Both ways."""
    backup = add("backup", _backup, "ledger, tokens, own calendars and journal as one tar file; the daemon may run")
    add_config(backup)
    backup.add_argument("file", help="- writes to standard output")
    backup.add_argument("--ticks", action="store_true", help="the recorded ticks beyond the journal too")

    restore = add("restore", _restore, "put a backup back; the daemon must not run")
    add_config(restore)
    restore.add_argument("file", help="- reads standard input")
    restore.add_argument("--force", action="store_true", help="move what is in the state directory aside")
