"""Keeps the admins' orders in the state directory, so that a restart does not forget them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from tradewarden.machines.override import Override, fault_of
from tradewarden.orchestrator.token_file import put

OVERRIDES = "overrides.json"  # in the state directory

log = structlog.get_logger()


def read_overrides(path: Path) -> dict[str, Override]:
    """The orders by segment; none when there is no file. A damaged one is told and left alone."""
    try:
        body = json.loads(path.read_bytes())
        kept = [_override(each) for each in body["overrides"]]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as trouble:
        log.warning("market.overrides_unreadable", path=str(path), error=type(trouble).__name__)
        return {}
    return {override.segment: override for override in kept}


def write_overrides(path: Path, overrides: Mapping[str, Override]) -> None:
    """Write them in one step. Raises OSError."""
    body = {
        "overrides": [
            {
                "segment": override.segment,
                "since": override.since.isoformat(),
                "until": override.until.isoformat(),
                "reason": override.reason,
                "state": override.state,
                "expect": override.expect,
            }
            for override in overrides.values()
        ]
    }
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    put(path, json.dumps(body, indent=1) + "\n", mode=0o600)


def _override(body: Mapping[str, Any]) -> Override:
    override = Override(
        body["segment"], _moment(body["since"]), _moment(body["until"]), body["reason"], body["state"], body["expect"]
    )
    fault = fault_of(override, frozenset({override.segment}))
    if fault is not None:
        raise ValueError(f"{fault[0]}: {fault[1]}")
    return override


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    return moment
