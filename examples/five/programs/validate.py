#!/usr/bin/env python3
"""The validation: asks until every store has as many ticks as it should, and each is the one that was recorded.

validate.py CONFIG AT_LEAST STORE…        AT_LEAST ticks must have been compared in each of these stores
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds until the ticks must be there
ONE = 10.0  # seconds for one comparison
PAUSE = 0.5


def compare(config: str) -> dict[str, Any]:
    """What `tradewarden validate` says of the last minute."""
    done = subprocess.run(
        ["tradewarden", "validate", "full", "--minutes", "1", "--json", "--config", config],
        stdout=subprocess.PIPE,
        check=False,
        timeout=ONE,
    )
    told: dict[str, Any] = json.loads(done.stdout) if done.stdout else {"ok": False, "stores": []}
    return told


def lacking(told: dict[str, Any], stores: list[str], at_least: int) -> list[str]:
    """What is still wrong, store by store."""
    found = {store["store"]: store for store in told["stores"]}
    wrong = []
    for name in stores:
        store = found.get(name, {})
        if not store.get("agrees"):
            wrong.append(f"{name} does not agree: {store.get('reason') or json.dumps(store)}")
        elif store["compared"] < at_least:
            wrong.append(f"{name} has {store['compared']} ticks; wanted are {at_least}")
    return wrong


def validate(config: str, at_least: int, stores: list[str]) -> None:
    """Ask until all is well, or the time is up."""
    until = time.monotonic() + PATIENCE
    while wrong := lacking(told := compare(config), stores, at_least):
        _status(f"waiting: {wrong[0]}")
        if time.monotonic() > until:
            raise SystemExit("\n".join(wrong))
        time.sleep(PAUSE)
    for store in told["stores"]:
        print(f"{store['store']}: agrees, {store['compared']} ticks compared", flush=True)
    _status(f"{', '.join(stores)} agree with the journal")


def _status(text: str) -> None:
    if file := os.environ.get("TRADEWARDEN_STATUS_FILE"):
        Path(file).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    match sys.argv[1:]:
        case [config, at_least, *stores] if at_least.isdecimal() and stores:
            validate(config, int(at_least), stores)
        case _:
            raise SystemExit("usage: validate.py CONFIG AT_LEAST STORE…")
