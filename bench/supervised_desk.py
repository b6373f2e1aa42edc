"""Our own daemon among the supervisors: `tradewarden run` with a desk of programs and nothing else to do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import folk
from measured_desk import ADMIN, PYTHON, free_port
from process import PATIENCE
from supervised import Programs, Supervisor


class Tradewarden(Supervisor):
    """The daemon, the process that its keepers are forked from, and a keeper for each program."""

    name = "tradewarden"
    remembers = True

    def __init__(self, folder: Path, programs: Programs) -> None:
        self.port = free_port()
        super().__init__(folder, programs)

    @classmethod
    def _tool(cls) -> str:
        return str(PYTHON)

    def _write(self) -> None:
        tables = [f'state_dir = "{self.folder}/var"', "[http]", f"port = {self.port}", f'admin_token = "{ADMIN}"']
        tables += ["[journal]", "record = false"]
        for name, command in self.programs.items():
            tables += [f"[services.{name}]", f"command = {json.dumps(list(command))}", *self._more().get(name, ())]
        self._put("tradewarden.toml", "\n".join(tables))

    def _more(self) -> Mapping[str, Sequence[str]]:
        """Further settings, by service."""
        return {}

    def _command(self) -> Sequence[str]:
        return self._tool(), "-m", "tradewarden", "run", "--config", str(self.folder / "tradewarden.toml")

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {"PYTHONPATH": ""}

    def stop(self) -> None:
        """By the word that stops everything deliberately: SIGTERM to the daemon stops no program."""
        self.ask("/api/desk/down", data=b"{}")

    def shut_down(self) -> None:
        """The daemon leaves; then each keeper stops its program, as when the keepers' unit is stopped."""
        os.kill(self.pid, signal.SIGTERM)
        self.reap()
        for control in (self.folder / "var/keepers").glob("*.ctl"):
            control.write_bytes(b"stop\n")
        folk.until_ended(folk.programs(self.folder), PATIENCE)
        left = folk.supervisors(self.folder)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)  # keepers pass it over: they are about to leave
        folk.until_ended(left, PATIENCE)

    def order(self, verb: str) -> None:
        """Start or stop all programs."""
        self.ask(f"/api/desk/{verb}", data=b'{"all": true}')

    def ask(self, path: str, data: bytes | None = None) -> str:
        """What the daemon answers to an admin."""
        told = {"Authorization": f"Bearer {ADMIN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=told)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def adoption(self) -> float:
        """Milliseconds of CPU that the adoption of all programs took, as it logged last."""
        lines = (self.folder / "supervisor.out").read_text().splitlines()
        told = next(json.loads(line) for line in reversed(lines) if '"desk.adopted"' in line)
        if told["services"] != len(self.programs):
            raise RuntimeError(f"{told['services']} of {len(self.programs)} programs were adopted")
        return float(told["cpu_seconds"]) * 1e3

    @property
    def keepers(self) -> set[int]:
        """Everybody but the daemon: the keepers and the process they are forked from."""
        return folk.supervisors(self.folder) - {self.pid}


class Phased(Tradewarden):
    """A desk in which each program needs the one before it, and is ready when its port answers."""

    def _more(self) -> Mapping[str, Sequence[str]]:
        settings: dict[str, Sequence[str]] = {}
        before: list[str] = []
        for name, command in self.programs.items():
            port = command[-1].rpartition(":")[2]
            settings[name] = [f"needs = {json.dumps(before)}", f"ready = {{ port = {port} }}"]
            before = [name]
        return settings
