"""Reads rule files: those that come with tradewarden by their names, the desk's own by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from tradewarden.feed.brokers.kite_segments import EXCHANGES
from tradewarden.feed.tick import Mode
from tradewarden.machines.instruments import Listed, Rule
from tradewarden.machines.rule_file import RuleError, parse

__all__ = ["RuleError", "astray", "listed", "load_rules", "shipped"]

SETTINGS = "feed.instruments"
SHIPPED = resources.files("tradewarden.machines") / "rules"


def load_rules(names: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of these files: a shipped one by its name, another by its path. Raises RuleError."""
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name in names:
        try:
            texts[name] = _file(name).read_bytes().decode()
        except UnicodeDecodeError:
            problems.append(f"{name}: is not UTF-8 text.")
        except OSError as trouble:
            problems.append(f"{name}: cannot be read: {trouble.strerror}; shipped are {', '.join(shipped())}.")
    if len(texts) < len(names) and not problems:
        problems.append(f"{_twice(names)}: is named twice; allowed is each file once.")
    if problems:
        raise RuleError(*problems)
    return parse(texts)


def astray(rules: Sequence[Rule], segments: Sequence[str]) -> Iterator[str]:
    """Which rules ask for an exchange that is none of the desk's: nobody would know when its ticks are due."""
    for rule in rules:
        for exchange in _exchanges(rule):
            there = EXCHANGES.get(exchange, ())
            if not set(there) & set(segments):
                known = f"add {' or '.join(there)} to segments" if there else "no calendar knows that exchange"
                yield f"feed.rules: rule {rule.name!r} asks for {exchange}, but segments has no market of it; {known}."


def _exchanges(rule: Rule) -> list[str]:
    if isinstance(rule, Listed):
        return sorted({symbol.partition(":")[0] for symbol in rule.symbols})
    return [rule.exchange]


def listed(tokens_by_mode: Mapping[Mode, Iterable[int]]) -> list[Rule]:
    """What the settings list by token, as rules: they are streamed for that reason and no other."""
    return [Listed(SETTINGS, mode.value, tokens=tuple(tokens)) for mode, tokens in tokens_by_mode.items() if tokens]


def shipped() -> list[str]:
    """The names of the rule files that come with tradewarden."""
    return sorted(file.name.removesuffix(".toml") for file in SHIPPED.iterdir() if file.name.endswith(".toml"))


def _file(name: str) -> Traversable:
    return SHIPPED / f"{name}.toml" if name in shipped() else Path(name).expanduser()


def _twice(names: Sequence[str]) -> str:
    return next(name for index, name in enumerate(names) if name in names[:index])
