"""A real daemon over programs that note their own lives: killed, begun again, and all that was written down."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kept_desk import end_keepers

WITNESS = Path(__file__).with_name("witness.py")
ADMIN = "witnesseddesktoken"
LINE = re.compile(
    rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (\S+) (\d+) (\d+) of this life, and some more words behind it"
)
PATIENCE = 30.0  # seconds; a machine with two cores may be busy with other tests


@dataclass(frozen=True, slots=True)
class Life:
    """One life of a program, as it noted it itself; a life that was killed has no end."""

    number: int
    pid: int
    code: int | None = None
    lines: int | None = None


def until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > limit:
            raise AssertionError(f"{what} did not come about within {seconds:.0f} s")
        time.sleep(0.01)


class WitnessedDesk:
    """`programs` are names and manners of witnesses; `room` is how many megabytes of log each may fill."""

    def __init__(self, folder: Path, programs: Mapping[str, str], *, room: float = 50.0) -> None:
        self.folder, self.programs, self.state = folder, programs, folder / "var"
        self._room = room
        self._daemon: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        settings = folder / "tradewarden.toml"
        settings.write_text("\n".join([f'state_dir = "{self.state}"', *self._settings()]))
        settings.chmod(0o600)

    def _settings(self) -> Iterator[str]:
        yield f'[http]\nport = {self._port}\nadmin_token = "{ADMIN}"\n[journal]\nrecord = false'
        for name, manner in self.programs.items():
            command = [sys.executable, "-I", "-S", str(WITNESS), str(self.folder), name, manner]
            yield f"[services.{name}]\ncommand = {json.dumps(command)}"
            yield f"log = {{ megabytes = {self._room / 100}, files = 100 }}\nstop = {{ seconds = 3 }}"
            yield "restarts = { attempts = 1000, base = 0.05, cap = 0.2 }"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()
        end_keepers(self.state / "keepers")

    # The daemon

    def begin(self) -> None:
        """Start a daemon."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("TRADEWARDEN_", "NOTIFY_", "STATE_"))}
        with (self.folder / "daemon.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [sys.executable, "-m", "tradewarden", "run", "--config", "tradewarden.toml"],
                cwd=self.folder,
                env=kept,
                stdout=log,
                stderr=log,
            )

    def answers(self) -> None:
        """Wait until the daemon answers."""
        until(lambda: self._asked("/livez") is not None, "an answer of the daemon")

    def kill(self, number: int = signal.SIGKILL) -> None:
        """End the daemon, and nothing but the daemon."""
        if self._daemon is not None:
            self._daemon.send_signal(number)
            self._daemon.wait(PATIENCE)
            self._daemon = None

    def ask(self, verb: str) -> None:
        """Tell the desk to start, stop or go down."""
        body: dict[str, Any] = {} if verb == "down" else {"all": True}
        if self._asked(f"/api/desk/{verb}", body) is None:
            raise AssertionError(f"the daemon did not obey {verb}")

    def zygote(self) -> int:
        """The pid of the process that keepers come from."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(PATIENCE)
            line.connect(str(self.state / "keepers" / "zygote.sock"))
            line.sendall(b'{"hello": 1}\n')
            return int(json.loads(line.recv(4096))["pid"])

    def _asked(self, path: str, body: dict[str, Any] | None = None) -> Any:
        told = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", data=data, headers=told)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.read()
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{path}: {refusal.code} {refusal.read().decode()}") from None
        except OSError:
            return None  # it does not listen yet, or not any more

    # What was written down

    def lives(self, name: str) -> list[Life]:
        """As the program noted them."""
        lives: list[Life] = []
        for words in map(str.split, text(self.folder / f"{name}.notes").splitlines()):
            match words:
                case ["start", pid, number]:
                    lives.append(Life(int(number), int(pid)))
                case ["end", pid, code, lines]:
                    lives[-1] = Life(lives[-1].number, int(pid), int(code), int(lines))
        return lives

    def running(self, name: str) -> int | None:
        """The pid of its present life."""
        last = self.lives(name)[-1:]
        return last[0].pid if last and last[0].code is None and is_alive(last[0].pid) else None

    def status(self, name: str, *events: str) -> list[dict[str, Any]]:
        """The lines of its keepers' status log."""
        folder = self.state / "keepers"
        lines = text(folder / f"{name}.status.1") + text(folder / f"{name}.status")
        return [event for event in map(json.loads, lines.splitlines()) if event["ev"] in events]

    def told(self, event: str) -> list[dict[str, Any]]:
        """What all daemons together have logged under this name."""
        lines = [whole(line) for line in text(self.folder / "daemon.log").splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("event") == event]

    def words(self, name: str) -> list[bytes]:
        """Every line of its log, oldest first."""
        return [line for file in self._logs(name) for line in file.read_bytes().splitlines(keepends=True)]

    def _logs(self, name: str) -> list[Path]:
        present = self.state / "logs" / f"{name}.log"
        older = sorted(present.parent.glob(f"{present.name}.*"), key=lambda file: -int(file.suffix[1:]))
        return [*older, *([present] if present.exists() else [])]


def text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def whole(line: str) -> dict[str, Any]:
    """A line of the log; of one that was cut by a kill, what the next daemon wrote behind it; else nothing."""
    begin = 0
    while begin >= 0:
        try:
            told: dict[str, Any] = json.loads(line[begin:])
        except ValueError:
            begin = line.find('{"', begin + 1)
        else:
            return told
    return {}
