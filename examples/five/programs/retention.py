#!/usr/bin/env python3
"""The setup of InfluxDB: the database, and what it keeps for how long; run again it changes nothing.

retention.py URL DATABASE
"""

from __future__ import annotations

import json
import sys
import urllib.parse
import urllib.request

PATIENCE = 10.0  # seconds
KEPT = (  # the ticks, the bars of a second, the bars of a minute
    'CREATE RETENTION POLICY "high_frequency" ON "{name}" DURATION 7d REPLICATION 1 SHARD DURATION 1d',
    'CREATE RETENTION POLICY "default" ON "{name}" DURATION 30d REPLICATION 1 SHARD DURATION 1d DEFAULT',
    'CREATE RETENTION POLICY "long_term" ON "{name}" DURATION 365d REPLICATION 1 SHARD DURATION 7d',
)


def ask(url: str, statement: str) -> None:
    """One statement; whatever the server does not take ends this step."""
    body = urllib.parse.urlencode({"q": statement}).encode()
    with urllib.request.urlopen(f"{url}/query", data=body, timeout=PATIENCE) as answer:  # noqa: S310 - the desk's own
        (told,) = json.load(answer)["results"]
    if "error" in told:
        raise SystemExit(f"{statement}: {told['error']}")


def set_up(url: str, name: str) -> None:
    """Make what is not there yet."""
    for statement in ('CREATE DATABASE "{name}"', *KEPT):
        ask(url, statement.format(name=name))
    print(f"database {name} keeps ticks for 7 days, seconds for 30, minutes for 365", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [url, name] if url.startswith("http://") and name.isidentifier():
            set_up(url, name)
        case _:
            raise SystemExit("usage: retention.py URL DATABASE")
