"""The desk's verbs for a person at a terminal: start, stop, restart, enable, disable, reload, down."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from tradewarden.control import Answer, Control, UnreachableError, is_problem, told
from tradewarden.desk_progress import Progress
from tradewarden.screen import Line, Screen
from tradewarden.services_command import job_names

UNAVAILABLE: Final = 69
BAD_CONFIGURATION: Final = 78
PATIENCE: Final = 30.0  # seconds for an answer: a file is read, a program looked for
_BEGUN: Final = (
    "The end has begun: `tradewarden services` tells how it goes. Once all is down, it stays so until "
    "`tradewarden start --all`."
)
_GONE: Final = (
    "Nothing of the desk runs any more; it stays so until `tradewarden start --all`. The daemon itself goes on: "
    "end it with Ctrl-C, or `systemctl stop tradewarden`."
)

Say = Callable[[str], None]
Body = dict[str, Any]


class Terminal:
    """One command's way to the daemon and to the person."""

    def __init__(self, control: Control, screen: Screen, complain: Say, *, as_json: bool = False) -> None:
        self.control, self.screen, self.complain, self.as_json = control, screen, complain, as_json

    async def ask(self, path: str, body: Body) -> Answer | None:
        """The answer; nothing when it was a refusal, which is told."""
        answer = await self.control.post(path, body, patience=PATIENCE)
        if not is_problem(answer.body):
            return answer
        self.complain(told(answer.body))
        return None


async def order(terminal: Terminal, verb: str, body: Body, *, wait: bool) -> int:
    """Start, stop, restart or down; exit status 0, 1 when it was refused or failed, 69 when no daemon answers."""

    async def deed() -> int:
        progress = Progress(terminal.control, terminal.screen, quiet=terminal.as_json)
        if verb == "restart" and wait:
            await progress.remember()
        answer = await _asked(terminal, f"/api/desk/{verb}", body, verb, body.get("names", ()))
        if answer is None:
            return 1
        accepted = answer.body["accepted"]
        if terminal.as_json:
            terminal.screen.say(json.dumps(answer.body))
        else:
            terminal.screen.say(*(Line(line) for line in _left(answer.body)))
        well = True
        if accepted and wait:
            well = await progress.follow(verb, accepted)
        elif accepted and not terminal.as_json:
            terminal.screen.say(_BEGUN if verb == "down" else "`tradewarden services` tells how it goes.")
        if verb == "down" and well and (wait or not accepted) and not terminal.as_json:
            terminal.screen.say(_GONE)
        return 0 if well else 1

    return await _reached(terminal, deed)


async def each(terminal: Terminal, verb: str, names: Sequence[str], body: Body) -> int:
    """Enable, disable or auto-restart, one after the other; exit status as `order`."""

    async def deed() -> int:
        well = True
        for name in names:
            answer = await _asked(terminal, f"/api/services/{name}/{verb}", body, verb, [name])
            well = well and answer is not None
            if answer is None:
                continue
            if terminal.as_json:
                terminal.screen.say(json.dumps(answer.body))
            else:
                terminal.screen.say(answer.body["text"] or f"{name}: {_DONE[verb, body.get('on', True)]}")
        return 0 if well else 1

    return await _reached(terminal, deed)


async def _asked(terminal: Terminal, path: str, body: Body, verb: str, names: Sequence[str]) -> Answer | None:
    """As `Terminal.ask`; of a job that is taken for a service the commands for jobs are told."""
    answer = await terminal.control.post(path, body, patience=PATIENCE)
    if not is_problem(answer.body):
        return answer
    said = told(answer.body)
    if answer.body["type"] == "/problems/unknown-service" and verb in _OF_JOBS:
        jobs = await job_names(terminal.control)
        if name := next((name for name in names if name in jobs), None):
            said = f"{name} is a job, and runs on its schedule: {_OF_JOBS[verb].format(name)}."
    terminal.complain(said)
    return None


_OF_JOBS: Final = {
    "start": "`tradewarden run-once {0}` runs it now",
    "restart": "`tradewarden end-run {0}` ends its run, `tradewarden run-once {0}` begins one",
    "stop": "`tradewarden end-run {0}` ends its run, `tradewarden schedules {0} --disable` keeps it from running",
    "enable": "`tradewarden schedules {0} --enable` lets it run on it again",
    "disable": "`tradewarden schedules {0} --disable` keeps it from running",
    "auto-restart": "only a service that is kept up has auto-restart",
}
_DONE: Final = {
    ("enable", True): "enabled, it belongs to the desk",
    ("disable", True): "disabled, it is left out until `tradewarden enable`",
    ("auto-restart", True): "started again by itself when it ends",
    ("auto-restart", False): "stays down when it ends, until somebody starts it",
}


async def reload(terminal: Terminal, *, dry: bool, wait: bool) -> int:
    """Tell what a changed file changes, then do it; exit status as `order`, and 78 for a file with faults."""

    async def deed() -> int:
        difference = await _changed(terminal, dry=True)
        if difference is None or difference["problems"] or dry or difference["isEmpty"]:
            return _status(difference)
        done = await _changed(terminal, dry=False)
        if done is None or done["problems"]:
            return _status(done)
        jobs = await job_names(terminal.control)
        begun = [name for name in (*done["added"], *done["restarted"]) if name not in jobs]
        if not begun or not wait:
            return 0
        progress = Progress(terminal.control, terminal.screen, quiet=terminal.as_json)
        return 0 if await progress.follow("start", begun) else 1

    return await _reached(terminal, deed)


def _status(difference: Body | None) -> int:
    if difference is None:
        return 1
    return BAD_CONFIGURATION if difference["problems"] else 0


async def _changed(terminal: Terminal, *, dry: bool) -> Body | None:
    """What changes, as it is told; nothing when the desk refuses. What was done is told only if it went wrong."""
    difference: Body = (await terminal.control.post("/api/desk/reload", {"dry": dry}, patience=PATIENCE)).body
    if "isEmpty" not in difference:
        terminal.complain(told(difference))
        return None
    if dry and terminal.as_json:
        terminal.screen.say(json.dumps(difference))
    elif dry:
        terminal.screen.say(*_changes(difference, await job_names(terminal.control)))
    for problem in difference["problems"]:
        terminal.complain(problem)
    return difference


def _changes(difference: Mapping[str, Any], jobs: Collection[str]) -> Iterator[Line]:
    if difference["isEmpty"] and not difference["problems"]:
        yield Line("Nothing has changed: the desk's services and jobs are as the file says.")
    for name in difference["added"]:
        yield Line(f"{name}: new", "+", "pass")
    for name in difference["removed"]:
        yield Line(f"{name}: not in the file any more, it is stopped", "-", "fail")
    for name, what in difference["restarted"].items():
        yield Line(f"{name}: {', '.join(what)}; it is restarted", "~", "warn")
    for name, what in difference["kept"].items():
        then = "it holds for its next run" if name in jobs else "it runs on"
        yield Line(f"{name}: {', '.join(what)}; {then}", "~", "pass")
    for name in difference.get("daemon", ()):  # one that runs since before an upgrade says nothing of it
        yield Line(f"{name}: wants a restart of the daemon, which touches no program", "!", "warn")


def _left(body: Mapping[str, Any]) -> Iterator[str]:
    if body["text"]:
        yield body["text"]
    for name, why in body["left"].items():
        yield f"{name}: {why}"


async def _reached(terminal: Terminal, deed: Callable[[], Any]) -> int:
    try:
        async with terminal.control:
            status: int = await deed()
    except UnreachableError as error:
        terminal.complain(str(error))
        return UNAVAILABLE
    return status
