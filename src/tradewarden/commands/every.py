"""Every command, in the order of the help."""

from __future__ import annotations

from tradewarden.commands.backup import add_backup
from tradewarden.commands.broker import add_broker
from tradewarden.commands.calendar import add_calendar
from tradewarden.commands.check import add_check
from tradewarden.commands.daemon import add_run, add_selftest
from tradewarden.commands.desk import add_desk
from tradewarden.commands.jobs import add_jobs
from tradewarden.commands.login import add_login
from tradewarden.commands.people import add_people
from tradewarden.commands.picture import add_instruments, add_picture
from tradewarden.commands.signals import add_signals
from tradewarden.commands.stores import add_query, add_retention, add_stores, add_validate

COMMANDS = (
    add_run,
    add_check,
    add_selftest,
    add_picture,
    add_desk,
    add_jobs,
    add_signals,
    add_stores,
    add_instruments,
    add_query,
    add_people,
    add_login,
    add_broker,
    add_backup,
    add_validate,
    add_retention,
    add_calendar,
)
