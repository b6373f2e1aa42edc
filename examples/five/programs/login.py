#!/usr/bin/env python3
"""The login at the simulated broker, as another program of the desk would do it: the token goes into a file.

login.py URL FILE

The daemon watches the file (kite.token_files) and dials with what it finds there. The real Kite wants a person here.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
import urllib.parse
from pathlib import Path

KEY, SECRET = "demokey", "demosecret"  # the simulated broker's: they open nothing
PATIENCE = 10.0  # seconds


def ask(host: str, path: str, **form: str) -> http.client.HTTPResponse:
    """One form, sent; the answer is not followed anywhere."""
    wire = http.client.HTTPConnection(host, timeout=PATIENCE)
    wire.request("POST", path, urllib.parse.urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
    return wire.getresponse()


def log_in(url: str) -> str:
    """A fresh access token."""
    host = urllib.parse.urlsplit(url).netloc
    leads_to = ask(host, "/connect/login", api_key=KEY).getheader("Location", "")
    (request_token,) = urllib.parse.parse_qs(urllib.parse.urlsplit(leads_to).query)["request_token"]
    checksum = hashlib.sha256(f"{KEY}{request_token}{SECRET}".encode()).hexdigest()
    answer = ask(host, "/session/token", api_key=KEY, request_token=request_token, checksum=checksum)
    token: str = json.load(answer)["data"]["access_token"]
    return token


def save(token: str, file: Path) -> None:
    """Put it in the file's place at once, for the owner's eyes only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(f"KITE_ACCESS_TOKEN={token}\n", encoding="ascii")
    fresh.replace(file)


if __name__ == "__main__":
    if len(sys.argv) < len(("login.py", "URL", "FILE")):
        raise SystemExit("usage: login.py URL FILE")
    save(log_in(sys.argv[1]), Path(sys.argv[2]))
    print(f"logged in; the token is in {sys.argv[2]}", flush=True)
