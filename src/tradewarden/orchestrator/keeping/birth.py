"""How a life of a program begins: by posix_spawn where that will do, else by a fork that becomes it."""

from __future__ import annotations

import errno
import os
import pwd

from tradewarden.orchestrator.keeping import signals
from tradewarden.orchestrator.keeping.brief import Brief

# Whatever the daemon's terminal, shell or supervisor ignored, and the keeper does; plain numbers, for memory's sake.
_DEFAULT = tuple(signals.ALL - {signals.SIGKILL, signals.SIGSTOP})
PASSING = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)  # the machine's want, not the program's fault
_MASK = 0o022
USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Account:
    """The user that a service runs as."""

    def __init__(self, name: str) -> None:
        """Raises OSError when there is no such user, or when this one may not become it."""
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise OSError(errno.EINVAL, f"there is no user {name!r} on this machine") from None
        if os.geteuid() not in (0, entry.pw_uid):
            raise OSError(errno.EPERM, f"only root can run it as {name!r}: run `tradewarden keepers` as root")
        self.name, self.uid, self.gid = name, entry.pw_uid, entry.pw_gid

    def become(self) -> None:
        """Be this user from now on, for good."""
        if os.geteuid() == 0:
            os.initgroups(self.name, self.gid)
            os.setgid(self.gid)
            os.setuid(self.uid)


def begin(brief: Brief, environment: dict[str, str], account: Account | None, output: int) -> int:
    """Start the program in a session of its own, its words going to `output`; returns its pid.

    Raises OSError with the reason when it cannot begin: then nothing has.
    """
    program = _program(brief)
    if account is None and not _is_spared():
        return _spawn(brief, program, environment, output)
    return _fork(brief, program, environment, account, output)


def _spawn(brief: Brief, program: str, environment: dict[str, str], output: int) -> int:
    """The quick way, without a copy of this process: three milliseconds less after a crash."""
    place = brief.cwd or "/"
    try:
        os.chdir(place)
    except OSError as trouble:
        raise OSError(trouble.errno, f"directory {place}: {trouble.strerror}") from None
    words = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    mask = os.umask(_MASK)
    try:
        actions = (nothing, *words)
        return os.posix_spawn(
            program, brief.argv, environment, file_actions=actions, setsid=True, setsigdef=_DEFAULT, setsigmask=()
        )
    except OSError as trouble:
        raise OSError(trouble.errno, f"{program}: {trouble.strerror}") from None
    finally:
        os.umask(mask)
        os.chdir("/")


def _fork(brief: Brief, program: str, environment: dict[str, str], account: Account | None, output: int) -> int:
    """The way that can change who runs it, and how much it is spared."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.fork()
        if not pid:
            _become(brief, program, environment, account, output=output, report=writing)
    finally:
        os.close(writing)
        report = _all_of(reading)
    if report:
        os.waitpid(pid, 0)
        number, _, text = report.decode(errors="replace").partition(" ")
        raise OSError(int(number), text)
    return pid


def _program(brief: Brief) -> str:
    """The file to run: a path is taken from the service's directory, a plain name looked for along its PATH."""
    name = brief.argv[0]
    if "/" in name:
        return name
    for directory in brief.env.get("PATH", USUAL_PATH).split(":"):
        path = os.path.join(brief.cwd or "/", directory or ".", name)
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    raise OSError(errno.ENOENT, f"{name}: no such command along its PATH")


def _become(
    brief: Brief, program: str, environment: dict[str, str], account: Account | None, *, output: int, report: int
) -> None:
    """The child's side; never returns."""
    what = program
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        for each in _DEFAULT:
            signals.heed(each)
        signals.block(())
        os.umask(_MASK)
        _ordinary_in_want()
        if account is not None:
            what = f"user {account.name}"
            account.become()
        what = f"directory {brief.cwd or '/'}"
        os.chdir(brief.cwd or "/")
        what = program
        os.execve(program, brief.argv, environment)  # noqa: S606 - a shell is the last thing it needs
    except OSError as trouble:
        os.write(report, f"{trouble.errno or errno.EIO} {what}: {trouble.strerror}".encode())
    except BaseException as trouble:  # noqa: BLE001 - whatever it is, no second keeper may run on in the child
        os.write(report, f"{errno.EINVAL} {what}: {trouble}".encode())
    finally:
        os._exit(127)


def _is_spared() -> bool:
    """Whether the machine takes others first when memory runs out; a keeper's program would inherit that."""
    own = os.open("/proc/self/oom_score_adj", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(own, 16)) < 0
    finally:
        os.close(own)


def _ordinary_in_want() -> None:
    """A keeper may be spared when memory runs out; its service is as good as any other program."""
    with open("/proc/self/oom_score_adj", "r+b", buffering=0) as own:
        if int(own.read()) < 0:
            own.write(b"0")


def _all_of(descriptor: int) -> bytes:
    try:
        parts = []
        while part := os.read(descriptor, 4096):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)
