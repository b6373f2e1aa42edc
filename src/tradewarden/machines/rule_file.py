"""The rule file: TOML text to rules, every fault named with its file, its rule and what is allowed there.

[[rules]]
name = "NIFTY futures"         # once in all files
mode = "quote"                 # ltp, quote or full
futures = ["NIFTY"]            # underlyings, as the `name` column of the broker's dump has them
contracts = 2                  # the nearest two: this month's and the next month's; default 1
freshness = "liquid"           # index, liquid, illiquid or unwatched; learned when it is not there
exchange = "NFO"               # default

[[rules]]
name = "NIFTY options"
mode = "quote"
options = "NIFTY"              # one underlying
expiry = "nearest"             # or next (the one after), monthly (the nearest that is the last of its month)
strikes = 20                   # to each side of the money
spot = "future"                # default: the underlying's nearest future; or an instrument such as "NSE:NIFTY 50"
recentre = 1.0                 # default: how many strikes the spot must be off the middle before the window moves

[[rules]]
name = "Watch list"
mode = "full"
symbols = ["NSE:RELIANCE", "NSE:NIFTY 50"]
tokens = [408065]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from tradewarden.machines.instruments import CLASSES, EXPIRIES, FUTURE, MODES, Futures, Listed, Options, Rule

MOST_STRIKES = 500
MOST_CONTRACTS = 12
_TOKENS = 2**32
_SYMBOL = re.compile(r"[A-Z]+:\S.*")
_KINDS = ("futures", "options", "symbols", "tokens")
_COMMON = ("name", "mode")
_KEYS = {
    "futures": (*_COMMON, "futures", "contracts", "exchange", "freshness"),
    "options": (*_COMMON, "options", "expiry", "strikes", "spot", "recentre", "exchange", "freshness"),
    "symbols": (*_COMMON, "symbols", "tokens", "freshness"),
}


class RuleError(ValueError):
    """Rule files cannot be used; one sentence per fault."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _FaultError(Exception):
    """One value is wrong: which key, and what is allowed."""


def parse(text_by_file: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules of these files, in their order. Raises RuleError with every fault of every file."""
    rules: dict[str, Rule] = {}
    problems: list[str] = []
    for file, text in text_by_file.items():
        try:
            for where, table in _tables(file, text):
                _add(rules, where, table, problems)
        except _FaultError as fault:
            problems.append(f"{file}: {fault}.")
    if problems:
        raise RuleError(*problems)
    return tuple(rules.values())


def _tables(file: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _FaultError(f"is not TOML: {error}") from None
    unknown = [key for key in content if key != "rules"]
    if unknown:
        raise _FaultError(f"{unknown[0]} is not known; allowed are [[rules]] tables only")
    tables = content.get("rules")
    if not isinstance(tables, list) or not tables or not all(isinstance(each, dict) for each in tables):
        raise _FaultError("has no rules; allowed is at least one [[rules]] table")
    for index, table in enumerate(tables):
        name = table.get("name")
        yield f"{file}: " + (f"rule {name!r}" if isinstance(name, str) and name else f"rules[{index}]"), table


def _add(rules: dict[str, Rule], where: str, table: dict[str, Any], problems: list[str]) -> None:
    try:
        rule = _rule(table)
    except _FaultError as fault:
        problems.append(f"{where}: {fault}.")
        return
    if rule.name in rules:
        problems.append(f"{where}: name is taken by an earlier rule; allowed is each name once.")
    rules.setdefault(rule.name, rule)


def _rule(table: dict[str, Any]) -> Rule:
    kinds = ["symbols" if kind == "tokens" else kind for kind in _KINDS if kind in table]
    if len(set(kinds)) != 1:
        told = " and ".join(kinds) if kinds else "nothing"
        raise _FaultError(f"asks for {told}; allowed is one of futures, options, or symbols and tokens")
    kind = kinds[0]
    for key in table:
        if key not in _KEYS[kind]:
            raise _FaultError(f"{key} is not known here; allowed are {', '.join(_KEYS[kind])}")
    name, mode = _text(table, "name"), _choice(table, "mode", MODES)
    freshness = _choice(table, "freshness", CLASSES) if "freshness" in table else None
    match kind:
        case "futures":
            contracts = _whole(table, "contracts", 1, MOST_CONTRACTS, default=1)
            return Futures(name, mode, _exchange(table), _underlyings(table), contracts, freshness)
        case "options":
            return _options(table, name, mode, freshness)
        case _:
            return Listed(name, mode, _symbols(table), _tokens(table), freshness)


def _options(table: dict[str, Any], name: str, mode: str, freshness: str | None) -> Options:
    expiry: Any = _choice(table, "expiry", EXPIRIES)
    spot = _text(table, "spot", default=FUTURE)
    if spot != FUTURE and not _SYMBOL.fullmatch(spot):
        raise _FaultError(f'spot = {spot!r}: allowed is "{FUTURE}", or an instrument such as "NSE:NIFTY 50"')
    recentre = table.get("recentre", 1.0)
    if type(recentre) not in (int, float) or not 0.5 <= recentre <= MOST_STRIKES:  # noqa: PLR2004 - below it would flap
        raise _FaultError(f"recentre = {recentre!r}: allowed is a number of strikes from 0.5 on")
    strikes = _whole(table, "strikes", 0, MOST_STRIKES)
    underlying, exchange = _text(table, "options"), _exchange(table)
    return Options(name, mode, exchange, underlying, expiry, strikes, spot, float(recentre), freshness)


def _text(table: dict[str, Any], key: str, *, default: str | None = None) -> str:
    value = table.get(key, default)
    if value is None:
        raise _FaultError(f"{key} is missing; allowed is text in quotes")
    if not isinstance(value, str) or not value.strip():
        raise _FaultError(f"{key} = {value!r}: allowed is text in quotes")
    return value


def _choice(table: dict[str, Any], key: str, allowed: tuple[str, ...]) -> str:
    value = table.get(key)
    if value not in allowed:
        told = f"{key} is missing" if value is None else f"{key} = {value!r}"
        raise _FaultError(f"{told}: allowed is {', '.join(allowed)}")
    return str(value)


def _whole(table: dict[str, Any], key: str, least: int, largest: int, *, default: int | None = None) -> int:
    value = table.get(key, default)
    if type(value) is not int or not least <= value <= largest:
        told = f"{key} is missing" if value is None else f"{key} = {value!r}"
        raise _FaultError(f"{told}: allowed is a whole number from {least} to {largest}")
    return value


def _exchange(table: dict[str, Any]) -> str:
    exchange = _text(table, "exchange", default="NFO")
    if not re.fullmatch(r"[A-Z]+", exchange, re.ASCII):
        raise _FaultError(f"exchange = {exchange!r}: allowed is an exchange such as NFO, BFO, CDS or MCX")
    return exchange


def _underlyings(table: dict[str, Any]) -> tuple[str, ...]:
    value = table["futures"]
    return _once(table, "futures", [value] if isinstance(value, str) else value, "NIFTY")


def _symbols(table: dict[str, Any]) -> tuple[str, ...]:
    symbols = _once(table, "symbols", table["symbols"], "NSE:INFY") if "symbols" in table else ()
    for symbol in symbols:
        if not _SYMBOL.fullmatch(symbol):
            raise _FaultError(f"symbols has {symbol!r}: allowed is exchange and symbol, such as NSE:INFY")
    return symbols


def _once(table: dict[str, Any], key: str, value: Any, example: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise _FaultError(f'{key} = {table[key]!r}: allowed is a list such as ["{example}"]')
    if len(set(value)) < len(value):
        raise _FaultError(f"{key} names something twice; allowed is each once")
    return tuple(value)


def _tokens(table: dict[str, Any]) -> tuple[int, ...]:
    value = table.get("tokens", [])
    if not isinstance(value, list) or not all(type(each) is int and 0 < each < _TOKENS for each in value):
        raise _FaultError(f"tokens = {value!r}: allowed is a list of instrument tokens such as [408065]")
    if len(set(value)) < len(value):
        raise _FaultError("tokens names something twice; allowed is each once")
    return tuple(value)
