"""docs/commands.md, docs/settings.md and docs/metrics.md, written from the code: `make docs`."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import openapi_pages
from tradewarden import daemon, log
from tradewarden import settings as known
from tradewarden import settings_services as services
from tradewarden import settings_sinks as sinks
from tradewarden.__main__ import parser
from tradewarden.commands.terminal import BAD_CONFIGURATION, BAD_DATA
from tradewarden.orchestrator.calendar import load_calendar
from tradewarden.orchestrator.clock import SystemClock
from tradewarden.settings import HttpSettings, KiteSettings, Settings
from tradewarden.settings_sources import PREFIX
from tradewarden.status import UNAVAILABLE

Found = TypeVar("Found")

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = "This page is written by `make docs` from {source}; a test compares it."


# Commands


def commands() -> str:
    """Every command with its arguments, and what the exit status says."""
    lines = [
        "# Commands",
        "",
        WRITTEN.format(source="`src/tradewarden/commands`"),
        "",
        "In a clone the program is `.venv/bin/tradewarden`. Each command explains itself with `--help`.",
        "",
        *_commands(parser(), "tradewarden"),
        "## Exit status",
        "",
        "| status | meaning |",
        "|---|---|",
        "| 0 | done; of `status` and `selftest`: the health answer does not say fail |",
        "| 1 | not done, and a line says why; of `status` and `selftest`: the health answer says fail |",
        "| 2 | the command line makes no sense |",
        f"| {BAD_DATA} | what was given to read is damaged; what could be read was printed |",
        f"| {UNAVAILABLE} | no daemon answers |",
        f"| {BAD_CONFIGURATION} | the configuration is wrong: one sentence per problem; systemd does not try again |",
        "",
    ]
    return "\n".join(lines)


def _commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    for choice, sub in subcommands(parser).items():
        full = f"{name} {choice}"
        yield from (f"## {full}", "", f"{sentence(sub.description)}", "")
        arguments = [action for action in sub._actions if not _is_plumbing(action)]
        if arguments:
            yield from ("| argument | default | meaning |", "|---|---|---|")
            yield from (f"| {_written(action)} | {_default(action)} | {_meaning(action)} |" for action in arguments)
            yield ""
        yield from _commands(sub, full)


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below this one, in the order in which they are told."""
    found = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def _is_plumbing(action: argparse.Action) -> bool:
    return isinstance(action, argparse._HelpAction | argparse._SubParsersAction)


def _written(action: argparse.Action) -> str:
    if not action.option_strings:
        name = " or ".join(map(str, action.choices)) if action.choices else str(action.metavar or action.dest).upper()
        return f"`{name}`"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"`{action.option_strings[-1]}{value}`"


def _default(action: argparse.Action) -> str:
    return f"`{action.default}`" if action.default and action.default != argparse.SUPPRESS else ""


def _meaning(action: argparse.Action) -> str:
    if action.choices and action.option_strings:
        return cell(f"{action.help or ''} ({', '.join(map(str, action.choices))})".strip())
    return cell(action.help or "")


# Settings


def settings() -> str:
    """Every setting: its type, its default, what it is for."""
    lines = [
        "# Settings",
        "",
        WRITTEN.format(source="`src/tradewarden/settings.py`"),
        "",
        "They come from three places; the first that has a value wins:",
        "",
        f"1. the environment: `{PREFIX}HTTP__PORT=8701` is `http.port`. Lists and tables are written as JSON there:",
        f"   `{PREFIX}SEGMENTS='[\"NSE_EQ\"]'`.",
        "2. systemd's credentials: the file `kite__api_secret` in `$CREDENTIALS_DIRECTORY` is `kite.api_secret`.",
        f"3. one file: the one that `--config` names, else {' or '.join(f'`{path}`' for path in known.FILES)}.",
        "",
        "A secret belongs into the first or the second, or into a file that nobody else can read.",
        "",
        "`tradewarden check` reads everything, says what is wrong or surprising, and starts nothing.",
        "[deploy/tradewarden.toml](../deploy/tradewarden.toml) is a file to begin with.",
        "",
        *_section(Settings, ()),
    ]
    return "\n".join(lines)


def _section(model: type[BaseModel], path: tuple[str, ...], *, repeated: bool = False) -> Iterator[str]:
    hints = get_type_hints(model, include_extras=True)
    fields = model.model_fields.items()
    leaves = [(name, field) for name, field in fields if not _inner(field.annotation)]
    if path:
        title = f"[[{'.'.join(path)}]]" if repeated else f"[{'.'.join(path)}]"
        yield from (f"## `{title}`", "", sentence(model.__doc__), "")
    if leaves:
        yield from ("| setting | allowed | default | meaning |", "|---|---|---|---|")
        yield from (
            f"| `{'.'.join((*path, name))}` | {cell(kind(hints[name], field))} | {_preset(field)} "
            f"| {cell(field.description or '')} |"
            for name, field in leaves
        )
        yield ""
    for name, field in fields:
        inner = _inner(field.annotation)
        if inner is not None:
            kinds = get_origin(field.annotation)
            below = (*path, name, "NAME") if kinds is dict else (*path, name)
            yield from _section(inner, below, repeated=kinds is list)


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The table that a setting is, or the kind of table that it is a list of."""
    candidates = (annotation, *get_args(annotation))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), None)


def leaves(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, FieldInfo]]:
    """Every setting with its dotted name."""
    for name, field in model.model_fields.items():
        inner = _inner(field.annotation)
        if inner is None:
            yield ".".join((*path, name)), field
        else:
            yield from leaves(inner, (*path, name, "NAME") if get_origin(field.annotation) is dict else (*path, name))


NAMED: tuple[tuple[Any, str], ...] = (
    (known.WebUrl, "address with https:// or http://"),
    (known.SocketUrl, "address with wss:// or ws://"),
    (known.Origin, "origin such as https://desk.example"),
    (known.Hour, "time such as 07:35"),
    (known.File, "path"),
    (known.Word, "one word"),
    (sinks.RedisUrl, "address with redis:// or rediss://"),
    (sinks.NatsUrl, "address with nats:// or tls://"),
    (sinks.Name, "name of letters, digits and _"),
    (known.Instrument, "instrument token"),
    (services.Command, "list of words, or text"),
    (services.Value, "text, number or reference"),
    (services.Signal, "name of a signal"),
    (services.ServiceName, "name"),
    (services.Variable, "names"),
    (services.Address, "address"),
    (services.Rate, "source and rate"),
)


def kind(hint: Any, field: FieldInfo | None = None) -> str:
    """What may stand there, in words."""
    for annotation, words in NAMED:
        if hint == annotation:
            return words
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin is Literal:
            return " or ".join(map(str, arguments))
        case origin if origin is list:
            return f"list of {plural(kind(arguments[0]))}"
        case origin if origin is dict:
            return f"table with {kind(arguments[0])}, each a {kind(arguments[1])}"
        case None:
            return _plain(hint, field)
        case _:  # what may be unset, or is annotated further
            return kind(arguments[0], field)


def _plain(hint: Any, field: FieldInfo | None) -> str:
    if issubclass(hint, SecretStr):
        return "secret"
    if issubclass(hint, int) and hint is not bool:
        return _whole(field)
    if get_args(hint) == () and hasattr(hint, "__members__"):
        return " or ".join(str(member.value) for member in hint)
    return {str: "text", bool: "true or false", float: "number", Path: "path"}.get(hint, str(hint.__name__))


def _whole(field: FieldInfo | None) -> str:
    least, most = "", ""
    for rule in field.metadata if field else ():
        match rule:
            case Ge(value) | Gt(value):
                least = f"from {value}"
            case Le(value) | Lt(value):
                most = f"to {value}"
    return " ".join(part for part in ("whole number", least, most) if part)


def plural(words: str) -> str:
    """Several of them."""
    first, _, rest = words.partition(" such as ")
    many = {"address": "addresses", "text": "texts"}.get(first, f"{first}s")
    return f"{many} such as {rest}" if rest else many


def _preset(field: FieldInfo) -> str:
    default = field.default
    if field.default_factory is not None or default is None or default == "":
        return ""
    return f"`{json.dumps(default)}`"


# Metrics


def metrics() -> str:
    """Every family of figures that a fresh desk serves."""
    lines = [
        "# Metrics",
        "",
        WRITTEN.format(source="a running desk"),
        "",
        "`GET /metrics` answers in OpenMetrics, to programs on this machine and to [an admin](people.md)'s token. A",
        "state set has one sample for each state, 1 for the present one; its label bears the metric's name. No label",
        "ever holds an instrument, a user id or a token; `account` is the operator's name, `kite` the first account's.",
        "",
        "| metric | type | meaning |",
        "|---|---|---|",
        *(f"| `{family.name}` | {family.kind} | {cell(family.text)} |" for family in families()),
        "",
        "Samples of a counter end in `_total`, those of a histogram in `_bucket`, `_count` and `_sum`.",
        "",
    ]
    return "\n".join(lines)


@cache
def families() -> list[Any]:
    """What a desk tells Prometheus; read from the real daemon, so that no part of it is forgotten."""
    return of_daemon(lambda desk: list(desk.http._metrics.families()))


@cache
def routes() -> list[tuple[str, str]]:
    """Method and path of everything that the real daemon answers."""
    return of_daemon(
        lambda desk: sorted(
            (route.method, route.resource.canonical)
            for route in desk.http._app().router.routes()
            if route.resource is not None and route.method != "HEAD"
        )
    )


def of_daemon(look: Callable[[daemon.Desk], Found]) -> Found:
    """Start the real daemon, look at it, stop it; it has no account, so it talks to nobody."""
    found: list[Found] = []

    async def live(state: Path) -> None:
        stop = asyncio.Event()
        bare = Settings.model_construct(
            segments=["NSE_EQ", "NFO"], kite=KiteSettings(), http=HttpSettings(port=0), state_dir=state
        )

        def ready(desk: daemon.Desk) -> None:
            found.append(look(desk))
            stop.set()

        async with asyncio.timeout(30):
            await daemon.run(bare, load_calendar(None), SystemClock(), stop, ready)

    with TemporaryDirectory(prefix="tradewarden-docs-") as folder:
        asyncio.run(live(Path(folder)))
    return found[0]


# Words


def sentence(text: str | None) -> str:
    """The first line, as a sentence."""
    first = (text or "").strip().partition("\n")[0].rstrip(".")
    return f"{first[:1].upper()}{first[1:]}."


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


PAGES: dict[str, Callable[[], str]] = {"commands.md": commands, "settings.md": settings, "metrics.md": metrics}


def write(names: Sequence[str] = tuple(PAGES)) -> None:
    """Write the pages."""
    for name in names:
        (DOCS / name).write_text(PAGES[name]())


if __name__ == "__main__":
    log.configure("error")
    write()
    openapi_pages.write()
