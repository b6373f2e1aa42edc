"""The supervisors that are compared, one class each: what it is given to read, how it is started, how it is stopped."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from process import HERE

ENVIRONMENTS = HERE.parent / ".venv-bench"
PACKAGES = ENVIRONMENTS / "supervisors/bin"
PM2 = ENVIRONMENTS / "supervisors/node_modules/.bin/pm2"
Programs = Mapping[str, Sequence[str]]  # name to command


class Supervisor(ABC):
    """One that keeps programs running, all its files in one folder."""

    name: ClassVar[str]
    can_stop: ClassVar[bool] = True
    keeps_output: ClassVar[bool] = True
    remembers: ClassVar[bool] = False  # a later start has less to do than the first one

    def __init__(self, folder: Path, programs: Programs) -> None:
        self.folder, self.programs = folder, programs
        self.process: subprocess.Popen[bytes] | None = None
        self._write()

    @classmethod
    def missing(cls) -> str | None:
        """What would have to be installed, when something would."""
        tool = cls._tool()
        return None if shutil.which(tool) else tool

    @classmethod
    @abstractmethod
    def _tool(cls) -> str:
        """The program that is this supervisor."""

    @abstractmethod
    def _write(self) -> None:
        """Its configuration."""

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """How it is started."""

    def _environment(self) -> dict[str, str]:
        """Its variables."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("TRADEWARDEN_", "PM2_"))}

    def start(self) -> None:
        """Start it, for the first time or again."""
        if self.process is not None:
            self.process.poll()
        self.process = self._run(self._command())

    @property
    def pid(self) -> int:
        """The one whose death is tried."""
        if self.process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self.process.pid

    def stop(self) -> None:
        """Tell it to stop everything."""
        os.kill(self.pid, signal.SIGTERM)

    def shut_down(self) -> None:
        """End with all programs as the machine's shutdown ends them: nobody has stopped them for good."""
        self.stop()

    def said(self) -> str:
        """The end of what it said on its terminal."""
        return (self.folder / "supervisor.out").read_text(errors="replace")[-1500:]

    def reap(self) -> None:
        """Take note that it has ended."""
        if self.process is not None:
            self.process.wait(timeout=30)

    def _run(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "supervisor.out").open("ab") as out:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _put(self, path: str, text: str, mode: int = 0o600) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)
        return file


class BareParent(Supervisor):
    """Nothing but pidfds and posix_spawn: what no supervisor of these programs can beat."""

    name = "a bare parent"
    can_stop = keeps_output = False

    @classmethod
    def _tool(cls) -> str:
        return sys.executable

    def _write(self) -> None:
        self._put("programs.json", json.dumps([list(command) for command in self.programs.values()]))

    def _command(self) -> Sequence[str]:
        return self._tool(), "-I", "-S", str(HERE / "bare_parent.py"), str(self.folder / "programs.json")


class Supervisord(Supervisor):
    """The oldest of them, in Python."""

    name = "supervisord"

    @classmethod
    def _tool(cls) -> str:
        return str(PACKAGES / "supervisord")

    def _write(self) -> None:
        here = self.folder
        lines = ["[supervisord]", "nodaemon = true", f"logfile = {here}/daemon.log", f"pidfile = {here}/daemon.pid"]
        lines += ["user = root"] if os.geteuid() == 0 else []
        for name, command in self.programs.items():
            lines += [f"[program:{name}]", f"command = {shlex.join(command)}", "autorestart = true"]
            lines += ["redirect_stderr = true", f"stdout_logfile = {here}/{name}.log"]
        self._put("supervisord.conf", "\n".join(lines))

    def _command(self) -> Sequence[str]:
        return self._tool(), "-c", str(self.folder / "supervisord.conf")


class Circus(Supervisor):
    """By Mozilla, in Python with ZeroMQ."""

    name = "circus"

    @classmethod
    def _tool(cls) -> str:
        return str(PACKAGES / "circusd")

    def _write(self) -> None:
        here = self.folder
        lines = ["[circus]", f"endpoint = ipc://{here}/ask", f"pubsub_endpoint = ipc://{here}/hear"]
        for name, command in self.programs.items():
            lines += [f"[watcher:{name}]", f"cmd = {shlex.join(command)}", "copy_env = True"]
            lines += ["stdout_stream.class = FileStream", f"stdout_stream.filename = {here}/{name}.log"]
        self._put("circus.ini", "\n".join(lines))

    def _command(self) -> Sequence[str]:
        return self._tool(), str(self.folder / "circus.ini")


class Pm2(Supervisor):
    """The one of Node's world; the command leaves when its daemon has started everything."""

    name = "pm2"

    @classmethod
    def _tool(cls) -> str:
        return str(PM2)

    def _environment(self) -> dict[str, str]:
        own = {"PM2_HOME": str(self.folder / "pm2"), "PM2_DISABLE_VERSION_CHECK": "1"}  # the latter asks its makers
        return super()._environment() | own

    def _write(self) -> None:
        each = [
            {
                "name": name,
                "interpreter": command[0],
                "interpreter_args": " ".join(command[1:3]),
                "script": command[3],
                "args": list(command[4:]),
                "out_file": f"{self.folder}/{name}.log",
                "error_file": f"{self.folder}/{name}.err",
            }
            for name, command in self.programs.items()
        ]
        self._put("pm2.json", json.dumps({"apps": each}))

    def _command(self) -> Sequence[str]:
        return self._tool(), "start", str(self.folder / "pm2.json")

    @property
    def pid(self) -> int:
        """Its daemon's, which it writes down."""
        return int((self.folder / "pm2/pm2.pid").read_text())

    def stop(self) -> None:
        """By its own command."""
        self.process = self._run([self._tool(), "kill"])


class S6(Supervisor):
    """A supervisor and a logger for each program, in C."""

    name = "s6"
    logger: ClassVar[str] = "s6-log -b n20 s10000000"
    logger_file: ClassVar[str] = ""

    @classmethod
    def _tool(cls) -> str:
        return "s6-svscan"

    def _write(self) -> None:
        for name, command in self.programs.items():
            self._put(f"{name}.logs/config", self.logger_file)
            self._put(f"all/{name}/run", f"#!/bin/sh\nexec 2>&1\nexec {shlex.join(command)}\n", 0o700)
            self._put(f"all/{name}/log/run", f"#!/bin/sh\nexec {self.logger} {self.folder}/{name}.logs\n", 0o700)

    def _command(self) -> Sequence[str]:
        return self._tool(), str(self.folder / "all")


class Runit(S6):
    """The same idea, older."""

    name = "runit"
    logger = "svlogd"
    logger_file = "s10000000\nn20\n"

    @classmethod
    def _tool(cls) -> str:
        return "runsvdir"

    def stop(self) -> None:
        """After SIGTERM alone it would leave its supervisors running."""
        os.kill(self.pid, signal.SIGHUP)


PEERS: tuple[type[Supervisor], ...] = (Supervisord, Circus, Pm2, Runit, S6)
