"""The real daemon as a process of its own over real keepers, asked over HTTP; nothing of it is left behind."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kept_desk import end_keepers
from servers.process import free_port

TRADEWARDEN = Path(sys.executable).with_name("tradewarden")
ADMIN = "livedeskadmin"
ADMINS = MappingProxyType({"Authorization": f"Bearer {ADMIN}"})
PATIENCE = 20.0  # seconds
ANSWER = 30.0  # seconds for one answer: on a busy machine the daemon waits 20 for its file to be read

Services = dict[str, dict[str, Any]]


class LiveDesk:
    """A daemon that can be killed and begun again over the same state."""

    def __init__(self, folder: Path, services: str) -> None:
        self.folder, self.state = folder, folder / "var"
        self.port = free_port()
        self.file = folder / "tradewarden.toml"
        self.process: subprocess.Popen[bytes] | None = None
        self.write(services)

    def write(self, services: str, more: str = "") -> None:
        """The file as it is from now on."""
        head = f'state_dir = "{self.state}"\n[http]\nport = {self.port}\nadmin_token = "{ADMIN}"\n'
        self.file.write_text(f"{head}[sinks.sqlite]\nenabled = false\n{more}\n{services}")
        self.file.chmod(0o600)

    def begin(self, complains_to: int | None = None, says_to: int | None = None) -> float:
        """Start the daemon; the seconds until its health answered."""
        began = time.monotonic()
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [TRADEWARDEN, "run", "--config", self.file],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log if says_to is None else says_to,
                stderr=log if complains_to is None else complains_to,
            )
        self.wait(lambda: self.health() is not None, "its health answers", pause=0.01)
        return time.monotonic() - began

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End the daemon, and the daemon alone; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def hang_up(self) -> None:
        """SIGHUP: the file has changed."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One question to the API; what a refusal says is an answer too."""
        return json.loads(self.text(method, path, body))

    def text(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """The same, as it came."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=ANSWER) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as refusal:
            return str(refusal.read(), "utf-8")

    def answer(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] = ADMINS
    ) -> tuple[int, Message, bytes]:
        """What becomes of these bytes: status, headers and body; a redirect is one."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER)
        try:
            with contextlib.suppress(ConnectionError):  # who sends too much is answered before all is sent
                connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            said = connection.getresponse()
            return said.status, said.headers, said.read()
        finally:
            connection.close()

    def health(self) -> dict[str, Any] | None:
        """The health answer for an admin; none while nobody answers."""
        with contextlib.suppress(OSError):
            told: dict[str, Any] = self.ask("GET", "/api/system/health")
            return told
        return None

    def services(self) -> Services:
        """Each service by its name; empty while nobody answers."""
        with contextlib.suppress(OSError):
            return {each["name"]: each for each in self.ask("GET", "/api/services")["services"]}
        return {}

    @property
    def states(self) -> dict[str, str]:
        return {name: each["state"] for name, each in self.services().items()}

    def until(self, **states: str) -> Services:
        """Wait until these services stand so."""
        self.wait(lambda: states.items() <= self.states.items(), f"{states}")
        return self.services()

    def wait(self, holds: Callable[[], bool], what: str, *, pause: float = 0.03) -> None:
        """Wait until it is so; fails with what there is to see."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            if time.monotonic() > deadline:
                stood = {name: (each["state"], each["reason"]) for name, each in self.services().items()}
                raise AssertionError(f"not {what}: {stood}\n{self.log()}")
            time.sleep(pause)

    def log(self) -> str:
        """What the daemon said."""
        return (self.folder / "daemon.log").read_text(errors="replace")[-4000:]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Lines of the daemon's log with this name, of all its lives."""
        lines = (self.folder / "daemon.log").read_text().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in told if line.get("event") == name]

    def happenings(self, service: str, kind: str) -> list[dict[str, Any]]:
        """What its keepers wrote down."""
        path = self.state / "keepers" / f"{service}.status"
        told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in told if line["ev"] == kind]

    def wait_for_line(self, service: str, kind: str, count: int) -> None:
        """Wait until a keeper has written down so many of these, whether a daemon lives or not."""
        deadline = time.monotonic() + PATIENCE
        while len(self.happenings(service, kind)) < count:
            assert time.monotonic() < deadline, self.happenings(service, kind)
            time.sleep(0.02)


@contextmanager
def live_desk(folder: Path, services: str) -> Iterator[LiveDesk]:
    """The desk, not begun yet; everything is stopped when the block ends."""
    desk = LiveDesk(folder, services)
    try:
        yield desk
    finally:
        if desk.process is not None and desk.process.poll() is None:
            desk.process.kill()
            desk.process.wait(PATIENCE)
        end_keepers(desk.state / "keepers")
