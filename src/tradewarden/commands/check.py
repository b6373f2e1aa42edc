"""Whether the configuration is good."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tradewarden.commands.argument import SINKS, Adder, add_config
from tradewarden.commands.configured import settings_and_calendar
from tradewarden.commands.terminal import BAD_CONFIGURATION, complain, say

if TYPE_CHECKING:
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _check(parsed: argparse.Namespace) -> int:
    configured = settings_and_calendar(parsed.config)
    if configured is None:
        return BAD_CONFIGURATION
    from tradewarden.settings import FILES
    from tradewarden.settings_sources import find

    settings, _ = configured
    for warning in settings.warnings():
        complain(f"warning: {warning}")
    for problem in _about_rules(settings):
        complain(f"warning: {problem}")
    source = parsed.config or find(FILES)
    where = f"read from {source.absolute()}" if source else "no file was found, so these are the defaults"
    say(f"The configuration is good: {', '.join(settings.segments)}, port {settings.http.port}; {where}.")
    servers = [name for name in SINKS if name != "sqlite" and getattr(settings.sinks, name).enabled]
    if servers:
        say(f"Nobody was asked: whether {', '.join(servers)} can be reached, `tradewarden sinks` tells once it runs.")
    return 0


def _about_rules(settings: Settings) -> tuple[str, ...]:
    from tradewarden.orchestrator.dump_file import DumpFile
    from tradewarden.orchestrator.instruments import forecast
    from tradewarden.orchestrator.rule_files import astray, load_rules

    rules = load_rules(settings.feed.rules)
    return *astray(rules, settings.segments), *forecast(rules, DumpFile(settings.state_dir / "instruments.json"))


def add_check(add: Adder) -> None:
    """The one command that is for the settings alone."""
    add_config(add("check", _check, "check the configuration; exit status 78 and one sentence per problem"))
