"""The desk's verbs on a terminal and on paper."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from pictures import at
from programs import DOWN, Programs, a_desk, a_service, serving_programs, three
from terminals import glass, paper
from tradewarden import desk_progress
from tradewarden.control import Control
from tradewarden.desk_command import Terminal, each, order, reload
from tradewarden.machines.service import Difference, Order, Selection, ServiceState, Tier


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_progress, "LOOK", 0.01)
    monkeypatch.setattr(desk_progress, "BEGIN", 0.1)
    monkeypatch.setattr(desk_progress, "HEAL", 0.2, raising=False)


class Slow(Programs):
    """A desk whose programs take their time: each look at it brings one of them further."""

    def __init__(self, *steps: tuple[str, dict[str, Any]]) -> None:
        super().__init__(
            a_desk(a_service(**DOWN), a_service("web", tier=Tier.OPTIONAL, phase=2, **DOWN), state="stopped")
        )
        self.steps = list(steps)
        self.begun = False

    def report(self) -> Any:
        if self.begun and self.steps:
            name, changes = self.steps.pop(0)
            if name == "desk":
                self.told = a_desk(*self.told.services, **changes)
            else:
                self.change(name, **changes)
        return self.told

    def start(self, which: Selection, *, by: str) -> Order:
        self._note("start", which, by)
        return self._begun("start", "starting")

    def restart(self, which: Selection, *, by: str) -> Order:
        self._note("restart", which, by)
        return self._begun("restart", "running")

    def _begun(self, verb: str, state: str) -> Order:
        self.begun = True
        self.told = a_desk(*self.told.services, state=state, phase=1)
        return Order(verb=verb, accepted=("feed", "web"), text="Starting: feed, web.")


STARTING = {"state": ServiceState.STARTING, "reason": "not ready yet", "started_at": at("10:02:00")}
UP = {"state": ServiceState.UP, "reason": None}
WELL: tuple[tuple[str, dict[str, Any]], ...] = (
    ("feed", STARTING),
    ("feed", UP),
    ("web", STARTING),
    ("web", UP),
    ("desk", {"state": "running", "phase": None}),
)


async def asked(directory: Path, programs: Programs, verb: str, body: Any, **how: Any) -> tuple[int, str, list[str]]:
    screen, out = how.pop("on", None) or paper()
    said: list[str] = []
    async with serving_programs(directory, programs=programs):
        control = Control(socket=directory / "control")
        terminal = Terminal(control, screen, said.append, as_json=how.pop("as_json", False))
        code = await order(terminal, verb, body, wait=how.pop("wait", True))
    return code, out.getvalue(), said


ALL = {"all": True}


async def test_a_start_tells_each_change_on_paper_and_at_the_end_where_everything_is(tmp_path: Path) -> None:
    code, text, said = await asked(tmp_path, programs := Slow(*WELL), "start", ALL)
    assert (code, said) == (0, [])
    assert text.splitlines() == [
        "Starting: feed, web.",
        "… feed starting: not ready yet",
        "● feed up: 50 quotes a batch, 20 batches/s",
        "… web  starting: not ready yet",
        "● web  up: 50 quotes a batch, 20 batches/s",
        "● The desk is running since 09:00:05",
        "→ feed  http://127.0.0.1:8050",
        "→ web   http://127.0.0.1:8050",
    ]
    assert programs.asked == [("start", Selection(everything=True), "command line")]


async def test_on_a_terminal_there_is_one_line_a_service_that_changes_in_its_place(tmp_path: Path) -> None:
    screen, out = glass()
    code, _, _ = await asked(tmp_path, Slow(*WELL), "start", ALL, on=(screen, out))
    assert code == 0
    assert out.shown() == [
        "Starting: feed, web.",
        "● The desk is running since 09:00:05",
        "● feed up: 50 quotes a batch, 20 batches/s",
        "● web  up: 50 quotes a batch, 20 batches/s",
        "→ feed  http://127.0.0.1:8050",
        "→ web   http://127.0.0.1:8050",
    ]


async def test_a_start_that_is_given_up_fails_and_says_why_and_where_to_look(tmp_path: Path) -> None:
    reason = "feed was not ready within 30 s"
    programs = Slow(
        ("feed", STARTING),
        ("feed", {"state": ServiceState.FAILED, "reason": "nothing listens on 127.0.0.1:8050"}),
        ("desk", {"state": "aborted", "reason": reason, "phase": None}),
    )
    code, text, _ = await asked(tmp_path, programs, "start", ALL)
    assert code == 1
    assert "✕ feed failed: nothing listens on 127.0.0.1:8050" in text
    assert f"! The desk is aborted since 09:00:05: {reason}" in text
    assert text.endswith("Its last words: tradewarden logs feed -n 20\n")


LOOPS = {"state": ServiceState.BACKING_OFF, "reason": "exit code 1 after 0.0 s; its keeper tries again at 10:02:03"}
ANEW = {"state": ServiceState.STARTING, "reason": "it is not ready yet", "restarts": 7}


@pytest.mark.parametrize("state", ["starting", "running", "degraded"])
async def test_nobody_waits_for_a_start_that_fails_again_and_again(tmp_path: Path, state: str) -> None:
    loop = (("web", UP), ("desk", {"state": state}), *(("feed", LOOPS), ("feed", ANEW)) * 500)
    async with asyncio.timeout(5):
        code, text, _ = await asked(tmp_path, Slow(*loop), "start", ALL)
    assert code == 1
    assert "↻ feed backing off: exit code 1 after 0.0 s" in text
    how = "`tradewarden services` tells whether it comes, `tradewarden stop feed` ends it."
    assert text.splitlines()[-2:] == [
        f"feed goes on being started again: {how}",
        "Its last words: tradewarden logs feed -n 20",
    ]


async def test_a_start_that_heals_with_its_next_try_is_waited_for(tmp_path: Path) -> None:
    programs = Slow(("feed", LOOPS), ("feed", LOOPS), ("feed", ANEW), ("feed", UP), *WELL[2:])
    code, text, _ = await asked(tmp_path, programs, "start", ALL)
    assert code == 0
    assert "goes on" not in text


async def test_one_that_fails_again_and_again_hides_no_other_that_takes_its_time(tmp_path: Path) -> None:
    still = ("web", {**STARTING, "reason": "not ready yet"})
    programs = Slow(
        *(("feed", LOOPS), ("feed", ANEW), still) * 20, ("web", UP), *(("feed", LOOPS), ("feed", ANEW)) * 500
    )
    async with asyncio.timeout(5):
        code, text, _ = await asked(tmp_path, programs, "start", ALL)
    assert code == 1
    assert "● web  up" in text, "it was looked at until it came"


async def test_nobody_waits_for_a_condition_that_may_take_hours(tmp_path: Path) -> None:
    waits = "waits for market.MCX to be live: it is closed"
    programs = Slow(
        ("feed", UP),
        ("web", {"state": ServiceState.WAITING, "reason": waits}),
        ("desk", {"state": "running", "phase": None}),
    )
    code, text, _ = await asked(tmp_path, programs, "start", ALL)
    assert code == 0
    assert f"◌ web  waiting: {waits}" in text


async def test_a_restart_is_over_when_new_lives_have_begun(tmp_path: Path) -> None:
    anew = {"started_at": at("10:02:01"), "says": "a new life"}
    programs = Slow(("feed", {}), ("feed", {}), ("feed", {}), ("feed", STARTING), ("web", anew), ("feed", UP | anew))
    programs.told = a_desk(a_service(), a_service("web"))
    code, text, _ = await asked(tmp_path, programs, "restart", {"names": ["feed", "web"]})
    assert code == 0
    assert text.index("feed starting") < text.rindex("feed up: a new life")


async def test_down_says_that_the_daemon_goes_on(tmp_path: Path) -> None:
    code, text, _ = await asked(tmp_path, Programs(three()), "down", {})
    assert code == 0
    assert "○ feed   down: stopped by command line" in text
    assert "it stays so until `tradewarden start --all`" in text


async def test_nobody_waits_for_a_program_that_does_not_end_although_killed(tmp_path: Path) -> None:
    class Stubborn(Programs):
        def down(self, *, by: str) -> Order:
            self._note("down", by)
            return Order(verb="down", accepted=("feed",), text="Stopping: feed.")

    hangs = a_service(state=ServiceState.STOPPING, reason="its keeper does not answer")
    programs = Stubborn(a_desk(hangs, state="stopped", reason="feed did not end although killed"))
    async with asyncio.timeout(20):
        code, out, _ = await asked(tmp_path, programs, "down", {})
    assert code == 1
    assert "feed did not end although killed" in out
    assert "Nothing of the desk runs any more" not in out


async def test_down_that_nobody_waits_for_says_only_that_it_has_begun(tmp_path: Path) -> None:
    code, text, _ = await asked(tmp_path, Programs(three()), "down", {}, wait=False)
    assert code == 0
    assert "The end has begun" in text
    assert "Nothing of the desk runs" not in text
    assert "Once all is down, it stays so until `tradewarden start --all`." in text


async def test_without_waiting_it_says_only_what_was_set_going(tmp_path: Path) -> None:
    code, text, _ = await asked(tmp_path, Slow(*WELL), "start", ALL, wait=False)
    assert (code, text) == (0, "Starting: feed, web.\n`tradewarden services` tells how it goes.\n")
    code, text, _ = await asked(tmp_path, Slow(*WELL), "start", ALL, as_json=True)
    assert (code, json.loads(text)["accepted"]) == (0, ["feed", "web"])


@pytest.mark.parametrize(
    ("verb", "names", "code", "words"),
    [
        ("start", ["feed"], 0, "feed: it is up already"),
        ("restart", ["viewer"], 1, "viewer: it does not run"),
        ("stop", ["fed"], 1, "no service is called 'fed'; known are feed, writer, viewer"),
    ],
)
async def test_what_is_so_already_is_no_failure_and_a_refusal_is_one(
    tmp_path: Path, verb: str, names: list[str], code: int, words: str
) -> None:
    found, text, said = await asked(tmp_path, Programs(three()), verb, {"names": names})
    assert found == code
    assert words in (text if code == 0 else said[0])


async def test_without_a_daemon_every_verb_says_so(tmp_path: Path) -> None:
    said: list[str] = []

    def terminal() -> Terminal:
        return Terminal(Control(socket=tmp_path / "none"), paper()[0], said.append)

    assert await order(terminal(), "start", ALL, wait=True) == 69
    assert await each(terminal(), "enable", ["feed"], {}) == 69
    assert await reload(terminal(), dry=False, wait=True) == 69
    assert all("is it running?" in line for line in said)


async def test_services_are_enabled_disabled_and_left_down_one_by_one(tmp_path: Path) -> None:
    programs, said = Programs(three()), list[str]()
    screen, out = paper()
    async with serving_programs(tmp_path, programs=programs):

        def terminal(*, as_json: bool = False) -> Terminal:
            return Terminal(Control(socket=tmp_path / "control"), screen, said.append, as_json=as_json)

        assert await each(terminal(), "disable", ["viewer", "fed", "writer"], {}) == 1
        assert await each(terminal(), "auto-restart", ["feed"], {"on": False}) == 0
        assert await each(terminal(as_json=True), "enable", ["viewer"], {}) == 0
    assert [asked[:2] for asked in programs.asked] == [
        ("disable", ("viewer",)),
        ("disable", ("writer",)),
        ("auto-restart", ("feed",)),
        ("enable", ("viewer",)),
    ]
    assert "known are feed, writer, viewer" in said[0]
    lines = out.getvalue().splitlines()
    assert lines[0] == "viewer: disabled, it is left out until `tradewarden enable`"
    assert lines[2] == "feed: stays down when it ends, until somebody starts it"
    assert json.loads(lines[3])["verb"] == "enable"


async def reloaded(directory: Path, difference: Difference, **how: Any) -> tuple[int, str, list[str], list[Any]]:
    programs, said = Programs(three()), list[str]()
    programs.difference = difference
    programs.refuses = how.pop("refuses", None)
    screen, out = paper()
    async with serving_programs(directory, programs=programs):
        terminal = Terminal(Control(socket=directory / "control"), screen, said.append, as_json=how.pop("json", False))
        code = await reload(terminal, dry=how.pop("dry", False), wait=False)
    return code, out.getvalue(), said, [asked[1] for asked in programs.asked]


async def test_a_reload_tells_the_difference_and_then_does_it(tmp_path: Path) -> None:
    difference = Difference(
        added=("tui",),
        removed=("old",),
        restarted={"feed": ("command", "environment")},
        kept={"writer": ("description",)},
    )
    code, text, _, asked = await reloaded(tmp_path, difference)
    assert (code, asked) == (0, [True, False])
    assert text.splitlines() == [
        "+ tui: new",
        "- old: not in the file any more, it is stopped",
        "~ feed: command, environment; it is restarted",
        "~ writer: description; it runs on",
    ]
    code, again, _, asked = await reloaded(tmp_path, difference, dry=True)
    assert (code, again, asked) == (0, text, [True])
    code, as_json, _, _ = await reloaded(tmp_path, difference, dry=True, json=True)
    assert json.loads(as_json)["added"] == ["tui"]


async def test_a_reload_of_the_same_file_of_a_faulty_one_and_a_refused_one(tmp_path: Path) -> None:
    code, text, _, asked = await reloaded(tmp_path, Difference())
    assert (code, asked) == (0, [True])
    assert text == "Nothing has changed: the desk's services and jobs are as the file says.\n"
    code, text, _, asked = await reloaded(tmp_path, Difference(daemon=("http.port",)))
    assert (code, asked) == (0, [True])
    assert text.splitlines()[1] == "! http.port: wants a restart of the daemon, which touches no program"
    code, text, said, asked = await reloaded(tmp_path, Difference(problems=("services.feed needs 'x'",)))
    assert (code, text, said, asked) == (78, "", ["services.feed needs 'x'"], [True])
    code, text, said, _ = await reloaded(tmp_path, Difference(), refuses="the desk is stopping")
    assert (code, text, said) == (1, "", ["the desk is stopping"])
