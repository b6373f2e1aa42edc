"""What may stand behind a command, and what is said when it may not."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


_URL = (
    "where the daemon listens; default: its control socket. The admin's token for it is taken from "
    "TRADEWARDEN_HTTP__ADMIN_TOKEN or http.admin_token"
)
SINKS = ("sqlite", "redis", "mysql", "influx", "zmq", "nats")


class Adder(Protocol):
    """Give the command line one more command: its name, what it calls, and its line in the help."""

    def __call__(self, name: str, command: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """The new command's own arguments are added to what comes back."""
        ...


def add_door(sub: argparse.ArgumentParser) -> None:
    """Which daemon is asked, and how the answer is told."""
    add_config(sub)
    sub.add_argument("--url", help=_URL)
    sub.add_argument("--json", action="store_true", help="as one JSON object")


def add_config(sub: argparse.ArgumentParser) -> None:
    """Which file the settings are read from."""
    sub.add_argument("--config", type=Path, help="default: ./tradewarden.toml, then /etc/tradewarden/tradewarden.toml")


def word(text: str) -> str:
    """A name that may stand in a file's name."""
    if not text.replace("-", "").replace("_", "").replace(".", "").isalnum() or not text.isascii():
        raise argparse.ArgumentTypeError(f"{text!r} is no name of letters, digits, dots and dashes")
    return text


def count(text: str) -> int:
    """A number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def day(text: str) -> date:
    """A date, such as 2026-11-30."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-11-30") from None


def moment(text: str) -> datetime:
    """A date and time; without an offset it is India's."""
    from tradewarden.orchestrator.clock import IST

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date and time such as 2026-11-23T09:14") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=IST)


def back_to(text: str, now: datetime) -> str:
    """A bare time of day is the last such, in India unless it has an offset or a Z; other words stay as they are."""
    from tradewarden.orchestrator.clock import IST

    try:
        of_day = time.fromisoformat(text)
    except ValueError:
        return text  # the daemon says what is wrong with it
    zone = of_day.tzinfo or IST
    today = datetime.combine(now.astimezone(zone).date(), of_day, zone)
    return (today if today <= now else today - timedelta(days=1)).isoformat()
