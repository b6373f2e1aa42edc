"""The pages under docs/ say what the code does: each list of theirs is compared with its source."""

import asyncio
import contextlib
import json
import os
import re
import shlex
import sys
import textwrap
import tomllib
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import unquote

import pytest

import reference_pages
from pictures import BLOCKED, REQUIRED, a_feed, a_picture, an_auth
from tradewarden.__main__ import parser
from tradewarden.http.banner import _LOST
from tradewarden.http.documents import DOCUMENTS, Source
from tradewarden.http.explained import CODES
from tradewarden.machines.auth import AuthToken
from tradewarden.machines.feed import FeedWatchdog
from tradewarden.machines.headline import Situation, headline
from tradewarden.machines.market import MarketSession
from tradewarden.settings import Settings, load
from tradewarden.simulator import replay
from tradewarden.simulator.kite import ACTIONS, KiteSimulator
from tradewarden.simulator.packets import MALFORMED
from tradewarden.simulator.replay import Recording
from tradewarden.simulator.world import CHOICES, World
from transitions import leaves

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("**/*.md"), *ROOT.glob("*.md")])
BY_HAND = [DOCS / name for name in ("architecture.md", "operations.md", "health.md", "http.md", "simulator.md")]
AGAIN = "the code has changed: `make docs`, then read the difference"

by_name = partial(pytest.mark.parametrize, ids=lambda page: str(page.relative_to(ROOT)))


def parted(page: Path) -> tuple[str, list[tuple[str, str]]]:
    """The page's prose, and its fenced blocks with their kind."""
    prose, fenced, kind = "", [], None
    for line in page.read_text().splitlines(keepends=True):
        fence = re.match(r" *```(.*)$", line)
        if fence:
            fenced += [(fence[1], "")] if kind is None else []
            kind = fence[1] if kind is None else None
        elif kind is None:
            prose += line
        else:
            fenced[-1] = (kind, fenced[-1][1] + line)
    return prose, fenced


def blocks(page: Path, kind: str) -> list[str]:
    """The fenced blocks of one kind."""
    return [text for each, text in parted(page)[1] if each == kind]


def slug(title: str) -> str:
    """The anchor of a heading, as the usual sites make it."""
    return re.sub(r"[^\w\- ]", "", title.replace("`", "").lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(title) for title in re.findall(r"(?m)^#+ (.*)$", parted(page)[0])}


# Written by `make docs`


@pytest.mark.parametrize("name", reference_pages.PAGES)
def test_a_written_page_is_as_new_as_the_code(name: str) -> None:
    assert (DOCS / name).read_text() == reference_pages.PAGES[name](), AGAIN


def test_every_command_is_told() -> None:
    told = re.findall(r"(?m)^## tradewarden (\S+)$", (DOCS / "commands.md").read_text())
    assert told == list(reference_pages.subcommands(parser()))


def test_every_setting_has_a_sentence() -> None:
    assert [name for name, field in reference_pages.leaves(Settings) if not field.description] == []


@by_name("file", [DOCS / "settings.md", ROOT / "deploy" / "tradewarden.toml"])
def test_every_setting_is_told(file: Path) -> None:
    text = file.read_text()
    assert [name for name, _ in reference_pages.leaves(Settings) if name.rpartition(".")[2] not in text] == []


# Headlines


def situations() -> Iterator[Situation]:
    """Enough of them to meet every code: all of auth and feed, then each further fault and state of the market."""
    auth, feed, market = (leaves(machine) for machine in (AuthToken, FeedWatchdog, MarketSession))
    for a, f, due, verdict in product(auth, feed, ("none", "dense"), (None, "valid")):
        for wanted, configuration, recent, latched, grace in product((False, True), repeat=5):
            yield Situation(
                auth=a,
                feed=f,
                market="live",
                expected=due,
                verdict=verdict,
                wanted=wanted,
                configuration=configuration,
                recent=recent,
                latched=latched,
                grace=grace,
            )
    calm = Situation(auth="valid", feed="halted", market="closed", expected="none", wanted=False)
    for name in [name for name, kind in get_type_hints(Situation).items() if kind is bool and name != "wanted"]:
        flag: dict[str, Any] = {name: True}
        yield replace(calm, **flag)
    for state in market:
        yield replace(calm, market=state)


def codes() -> set[str]:
    return {headline(situation).code for situation in situations()}


def test_the_runbook_has_a_section_for_every_headline_and_no_other() -> None:
    told = re.findall(r"(?m)^### (\S+\.\S+)$", (DOCS / "operations.md").read_text())
    assert set(told) == codes() == set(CODES)
    assert len(told) == len(set(told))


def test_every_section_of_the_runbook_says_what_it_means_what_is_done_and_when_it_is_over() -> None:
    _, *parts = re.split(r"(?m)^### ", (DOCS / "operations.md").read_text())
    for part in parts:
        section = part.partition("\n## ")[0]
        for word in ("**Means** ", "**The desk** ", "**You**", "**Over** "):
            assert section.count(word) == 1, (section.splitlines()[0], word)


def test_the_runbook_knows_every_reason_for_which_a_connection_ends() -> None:
    text = (DOCS / "operations.md").read_text()
    section = text.partition("### feed.backing_off")[2].partition("###")[0]
    table = "".join(line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) == set(_LOST)


# Paths, figures, bodies


def test_every_path_is_told_and_no_other() -> None:
    told = re.findall(r"(?m)^\| `([A-Z]+ \S+)` \|", (DOCS / "http.md").read_text())
    answered = {f"{method} {path}" for method, path in reference_pages.routes()}
    assert len(told) == len(set(told))
    assert {"missing": answered - set(told), "gone": set(told) - answered} == {"missing": set(), "gone": set()}


def test_every_path_that_a_page_names_is_answered() -> None:
    known = [re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)) for _, path in reference_pages.routes()]
    for page in {*BY_HAND, ROOT / "README.md"} - {DOCS / "http.md"}:
        text = page.read_text()
        found = re.findall(
            r"(?<!/)(/(?:api/|compat|auth/callback|livez|readyz|metrics|login|docs/health)[\w/-]*)(?![\w./])", text
        )
        for path in set(found) - {"/compat"}:
            assert any(re.fullmatch(pattern, path) for pattern in known), (page.name, path)


def keys(value: Any, path: str = "") -> set[str]:
    """Every key with its place; lists count as their first entry."""
    match value:
        case dict():
            return {f"{path}.{key}" for key in value}.union(
                *(keys(each, f"{path}.{key}") for key, each in value.items())
            )
        case [first, *_]:
            return keys(first, f"{path}[]")
        case _:
            return set()


@pytest.mark.parametrize("name", ["health", "summary"])
def test_an_example_has_no_key_that_the_answer_lacks_and_lacks_none_at_the_top(name: str) -> None:
    example = json.loads(blocks(DOCS / "health.md", f"json {name}")[0])
    picture = a_picture(auth=an_auth(**REQUIRED), feed=a_feed(**BLOCKED))
    _, answer = DOCUMENTS[name](Source(picture, private=False, version="0.1.0", time=picture.now, ticks=0))
    assert keys(example) <= keys(answer)
    assert example.keys() == answer.keys()
    assert example["status"] == answer["status"]


def test_no_event_of_the_log_is_invented() -> None:
    source = "".join(file.read_text() for file in (ROOT / "src").glob("**/*.py"))
    logged = set(re.findall(r"log(?:ger)?\.\w+\(\s*\"(\w+\.\w+)\"", source)) | {"auth.state", "feed.state"}
    logged |= set(re.findall(r"_tell\(path, \"(\w+\.\w+)\"", source))
    table = (DOCS / "operations.md").read_text().partition("## Logs")[2].partition("\n## ")[0]
    told = re.findall(
        r"`(\w+\.\w+)`", "".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    )
    assert told
    assert set(told) - logged == set()


# Links, commands, configuration


@by_name("page", PAGES)
def test_every_link_leads_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", parted(page)[0])
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} links to {target}"


@by_name("page", [*BY_HAND, ROOT / "README.md"])
def test_every_command_line_that_a_page_shows_is_one(page: Path) -> None:
    shown = [line for block in blocks(page, "sh") + blocks(page, "") for line in block.splitlines()]
    shown += re.findall(r"`((?:[\w./]*/)?tradewarden [^`\n]+)`", parted(page)[0])
    for line in shown:
        words = shlex.split(line, comments=True)
        if words and re.fullmatch(r"(\S*/)?tradewarden", words[0]):
            with contextlib.suppress(SystemExit) if words[1:] == ["--version"] else contextlib.nullcontext():
                parser().parse_args(words[1:])


@by_name("page", BY_HAND)
def test_every_configuration_that_a_page_shows_is_accepted(page: Path, tmp_path: Path) -> None:
    for block in blocks(page, "toml"):
        file = tmp_path / "tradewarden.toml"
        file.write_text(textwrap.dedent(block))
        load(file)


# The simulator


SIMULATOR = DOCS / "simulator.md"


def column(page: Path, after: str, which: int = 0) -> list[str]:
    """One column of the first table below a line."""
    rows = page.read_text().partition(after)[2].partition("\n| ")[2].partition("\n\n")[0].splitlines()[2:]
    return [row.split(" | ")[which].strip("| ") for row in rows]


def test_every_behaviour_of_the_simulated_broker_is_told_and_no_other() -> None:
    names, values = (column(SIMULATOR, "## Faults that last", which) for which in (0, 1))
    told: dict[str, set[str]] = {}
    for name, value in zip(names, values, strict=True):
        name = name.strip("`") or list(told)[-1]  # noqa: PLW2901 - an empty cell repeats the one above
        told.setdefault(name, set()).update(re.findall(r"`([^`]+)`", value))
    assert list(told) == [field.name for field in fields(World)]
    for name, choices in CHOICES.items():
        assert told[name] == set(choices)
    assert {name.strip("`") for name in column(SIMULATOR, "## Faults that happen once")} == set(ACTIONS)
    kinds = re.search(r"The kinds: (.*)\.", SIMULATOR.read_text())
    assert kinds
    assert re.findall(r"`(\w+)`", kinds[1]) == list(MALFORMED)


async def test_the_simulated_broker_takes_every_fault_that_its_page_shows() -> None:
    shown = [line for block in blocks(SIMULATOR, "sh") for line in block.splitlines() if line.startswith("curl")]
    assert shown
    async with KiteSimulator(now=lambda: datetime.now(UTC)) as broker:
        for line in shown:
            *asked, url = shlex.split(line)[1:]
            wishes = dict(word.split("=", 1) for word in asked if word != "-d")
            match url.rpartition("/")[2]:
                case "world":
                    broker.world.change(wishes)
                case "do":
                    broker.do(wishes["do"], wishes.get("kind"))
                case other:
                    raise AssertionError(other)


async def test_the_state_of_the_simulated_broker_is_told_as_it_is() -> None:
    example = json.loads(blocks(SIMULATOR, "json state")[0])
    async with KiteSimulator(now=lambda: datetime.now(UTC)) as broker:
        assert keys(example) == keys(broker.state())
        assert example["world"] == World().as_dict()


def test_every_recording_that_the_page_shows_can_be_played(tmp_path: Path) -> None:
    shown = blocks(SIMULATOR, "csv")
    assert len(shown) == 2
    for text in shown:
        file = tmp_path / "day.csv"
        file.write_text(text)
        assert Recording.from_csv(file).trades


def test_every_kind_of_message_is_told_and_no_other() -> None:
    package = ROOT / "src" / "tradewarden"
    code = "".join((package / name).read_text() for name in ("machines/alert.py", "orchestrator/alerts.py"))
    known = {"".join(pair) for pair in re.findall(r"""_message\("(\w+)"|\bkind="(\w+)\"""", code)}
    told = re.search(r"(?s)`kind` is (.*?), with `layer`", (DOCS / "alerts.md").read_text())
    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) == known


def test_every_name_of_a_column_is_told_and_no_other() -> None:
    told = {name for cell in column(SIMULATOR, "day:", 1) for name in re.findall(r"`(\w+)`", cell)}
    told |= {name for name in replay._BAR if f"`{name}`" in SIMULATOR.read_text()}
    known = (replay._TIME, replay._TOKEN, replay._SYMBOL, replay._PRICE, replay._QUANTITY, replay._VOLUME, replay._OI)
    assert told == set(replay._BAR).union(*known)


@pytest.mark.parametrize(("place", "answer"), [(0, "AB1234 "), (0, "\n408065 "), (1, "ws://127.0.0.1:")])
async def test_every_program_that_the_page_shows_runs(place: int, answer: str) -> None:
    """In a process of its own, since the official ticker starts Twisted's reactor."""
    program = blocks(SIMULATOR, "python")[place]
    async with KiteSimulator(
        now=lambda: datetime.now(UTC), api_key="demokey", api_secret="demosecret", tick_seconds=0.1
    ) as broker:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-", stdin=PIPE, stdout=PIPE, stderr=PIPE, env=os.environ | {"NO_PROXY": "127.0.0.1"}
        )
        async with asyncio.timeout(30):
            said, complained = await child.communicate(program.replace("8701", str(broker.port)).encode())
    assert (child.returncode, complained.decode()) == (0, "")
    assert answer in said.decode()


# The architecture


def test_the_order_of_imports_is_the_one_that_is_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    layers = next(each["layers"] for each in project["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    told = re.search(r"(?m)^ {4}(__main__ > .*)$", (DOCS / "architecture.md").read_text())
    assert told
    assert told[1].split(" > ") == [layer.removeprefix("tradewarden.") for layer in layers]


def test_every_file_that_the_architecture_names_is_there() -> None:
    named = set(re.findall(r"`([\w/]+\.(?:py|toml))`", (DOCS / "architecture.md").read_text()))
    assert len(named) > 20
    places = (ROOT, ROOT / "src" / "tradewarden")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
