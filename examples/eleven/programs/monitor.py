#!/usr/bin/env python3
"""The monitor: looks into the writer's database and says, over HTTP, whether quotes still arrive there.

monitor.py FILE          PORT says where it answers; 200 while the newest quote is young, else 503
"""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bus import HOST, port_of
from life import Life

YOUNG = 10.0  # seconds
ASKED = "SELECT (SELECT max(rowid) FROM quotes), (SELECT at FROM quotes ORDER BY rowid DESC LIMIT 1)"


def look(file: Path) -> dict[str, Any]:
    """How many rows there are, and how old the newest is."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=1)) as database:
            rows, newest = database.execute(ASKED).fetchone()
    except sqlite3.Error as trouble:
        return {"well": False, "text": f"WARN {file} cannot be read: {trouble}"}
    if newest is None:
        return {"well": False, "text": "no quote has arrived yet"}
    age = max(0.0, time.time() - newest)
    word = "" if age <= YOUNG else "WARN "
    return {"well": age <= YOUNG, "text": f"{word}{rows} rows, the newest {age:.1f} s old", "rows": rows, "age": age}


def monitor(file: Path, port: int) -> None:
    """Look every two seconds, and whenever somebody asks."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = look(file)
            self.send_response(200 if found["well"] else 503)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(found).encode() + b"\n")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing: the desk asks every so often."""

    life, server = Life(), ThreadingHTTPServer((HOST, port), Answer)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="http", daemon=True).start()
    life.say(f"answering at http://{HOST}:{port}/")
    told = None
    while not life.stopping:
        found = look(file)
        life.status(found["text"], **{name: found[name] for name in ("rows", "age") if name in found})
        if found["well"] != told:
            told = found["well"]
            life.say(found["text"])
        life.wait(2.0)
    server.shutdown()
    life.say("stopped")


if __name__ == "__main__":
    if not sys.argv[1:]:
        raise SystemExit("usage: monitor.py FILE")
    monitor(Path(sys.argv[1]), port_of("PORT"))
