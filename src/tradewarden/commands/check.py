"""Whether the configuration is good, and with `--live` whether this machine is."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from tradewarden.commands.argument import SINKS, Adder, add_config
from tradewarden.commands.configured import settings_and_calendar
from tradewarden.commands.terminal import BAD_CONFIGURATION, complain, say

if TYPE_CHECKING:
    from tradewarden.check_command import Finding
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each command loads only what it needs, so that `status` starts fast and the daemon stays small


def _check(parsed: argparse.Namespace) -> int:
    configured = settings_and_calendar(parsed.config)
    if configured is None:
        return BAD_CONFIGURATION
    from tradewarden.check_command import about_desk, good, is_good, warning
    from tradewarden.check_jobs import about_jobs
    from tradewarden.check_people import about_people
    from tradewarden.orchestrator.clock import IST
    from tradewarden.settings import FILES
    from tradewarden.settings_sources import find

    settings, calendar = configured
    findings = [warning(text) for text in (*settings.warnings(), *_about_rules(settings))]
    findings += about_desk(settings)
    findings += about_jobs(settings, calendar, datetime.now(IST))
    findings += about_people(settings)
    if is_good(findings):
        source = parsed.config or find(FILES)
        where = f"read from {source.absolute()}" if source else "no file was found, so these are the defaults"
        told = f"The configuration is good: {', '.join(settings.segments)}, port {settings.http.port}; {where}."
        findings.append(good(told))
    if parsed.live:
        findings += asyncio.run(_live(settings))
    elif servers := [name for name in SINKS if name != "sqlite" and getattr(settings.sinks, name).enabled]:
        findings.append(good(f"Nobody was asked whether {', '.join(servers)} can be reached: `check --live` does."))
    _tell(findings, as_json=parsed.json)
    return 0 if is_good(findings) else BAD_CONFIGURATION


async def _live(settings: Settings) -> list[Finding]:
    from tradewarden.check_live import about_machine

    return [finding async for finding in about_machine(settings)]


def _tell(findings: Iterable[Finding], *, as_json: bool) -> None:
    """What is good as the answer, the rest beside it."""
    from tradewarden.check_command import Grade

    if as_json:
        say(json.dumps({"findings": [{"grade": finding.grade.value, "text": finding.text} for finding in findings]}))
        return
    for finding in findings:
        match finding.grade:
            case Grade.GOOD:
                say(finding.text)
            case Grade.WARNING:
                complain(f"warning: {finding.text}")
            case Grade.FAULT:
                complain(finding.text)


def _about_rules(settings: Settings) -> tuple[str, ...]:
    from tradewarden.orchestrator.dump_file import DumpFile
    from tradewarden.orchestrator.instruments import forecast
    from tradewarden.orchestrator.rule_files import astray, load_rules

    rules = load_rules(settings.feed.rules)
    return *astray(rules, settings.segments), *forecast(rules, DumpFile(settings.state_dir / "instruments.json"))


def add_check(add: Adder) -> None:
    """The one command that is for the settings alone."""
    check = add("check", _check, "check the configuration; exit status 78 and one sentence per problem")
    add_config(check)
    check.add_argument(
        "--live", action="store_true", help="ask this machine too: servers, ports, docker, disks, keepers"
    )
    check.add_argument("--json", action="store_true", help="what was found, as one JSON object")
