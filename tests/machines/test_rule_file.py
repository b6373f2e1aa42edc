"""Rule files: what is written becomes rules, and every mistake is told with its file, its rule and what is allowed."""

from __future__ import annotations

import pytest

from tradewarden.machines import rule_file
from tradewarden.machines.instruments import Futures, Listed, Options
from tradewarden.machines.rule_file import RuleError, parse

GOOD = """
[[rules]]
name = "Index futures"
mode = "full"
futures = ["NIFTY", "BANKNIFTY"]
contracts = 2

[[rules]]
name = "Gold"
mode = "quote"
futures = "GOLD"
exchange = "MCX"

[[rules]]
name = "NIFTY options"
mode = "quote"
options = "NIFTY"
expiry = "monthly"
strikes = 20
spot = "NSE:NIFTY 50"
recentre = 2

[[rules]]
name = "Bank options"
mode = "ltp"
options = "BANKNIFTY"
expiry = "nearest"
strikes = 0

[[rules]]
name = "Watch list"
mode = "ltp"
symbols = ["NSE:RELIANCE", "NSE:M&M", "NSE:NIFTY 50"]
tokens = [408065]

[[rules]]
name = "Tokens"
mode = "ltp"
tokens = [1, 4294967295]
"""


def options(**other: str) -> str:
    lines = {"name": '"N"', "mode": '"ltp"', "options": '"NIFTY"', "expiry": '"nearest"', "strikes": "1"} | other
    return "[[rules]]\n" + "\n".join(f"{key} = {value}" for key, value in lines.items() if value)


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(RuleError) as caught:
        parse({"desk.toml": text})
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_every_kind_of_rule_is_read_as_it_is_written() -> None:
    assert parse({"desk.toml": GOOD}) == (
        Futures("Index futures", "full", "NFO", ("NIFTY", "BANKNIFTY"), 2),
        Futures("Gold", "quote", "MCX", ("GOLD",), 1),
        Options("NIFTY options", "quote", "NFO", "NIFTY", "monthly", 20, "NSE:NIFTY 50", 2.0),
        Options("Bank options", "ltp", "NFO", "BANKNIFTY", "nearest", 0, "future", 1.0),
        Listed("Watch list", "ltp", ("NSE:RELIANCE", "NSE:M&M", "NSE:NIFTY 50"), (408065,)),
        Listed("Tokens", "ltp", (), (1, 4294967295)),
    )


def test_the_format_as_its_own_page_shows_it_is_good() -> None:
    assert rule_file.__doc__ is not None
    example = rule_file.__doc__[rule_file.__doc__.index("[[rules]]") :]
    assert [rule.name for rule in parse({"doc": example})] == ["NIFTY futures", "NIFTY options", "Watch list"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "desk.toml: has no rules; allowed is at least one [[rules]] table."),
        ("rules = 1", "desk.toml: has no rules; allowed is at least one [[rules]] table."),
        ("rules = [1]", "desk.toml: has no rules; allowed is at least one [[rules]] table."),
        ("rule = []", "desk.toml: rule is not known; allowed are [[rules]] tables only."),
        ("[[rules]\n", "desk.toml: is not TOML: "),
        (
            "[[rules]]",
            "desk.toml: rules[0]: asks for nothing; allowed is one of futures, options, or symbols and tokens.",
        ),
        (
            options(futures='["NIFTY"]'),
            "desk.toml: rule 'N': asks for futures and options; allowed is one of futures, options, or symbols and",
        ),
        (options(name=""), "desk.toml: rules[0]: name is missing; allowed is text in quotes."),
        (options(name='" "'), "desk.toml: rule ' ': name = ' ': allowed is text in quotes."),
        (options(name="7"), "desk.toml: rules[0]: name = 7: allowed is text in quotes."),
        (options(mode=""), "desk.toml: rule 'N': mode is missing: allowed is ltp, quote, full."),
        (options(mode='"depth"'), "desk.toml: rule 'N': mode = 'depth': allowed is ltp, quote, full."),
        (options(mode='["ltp"]'), "desk.toml: rule 'N': mode = ['ltp']: allowed is ltp, quote, full."),
        (options(expiry='"weekly"'), "desk.toml: rule 'N': expiry = 'weekly': allowed is nearest, next, monthly."),
        (options(expiry=""), "desk.toml: rule 'N': expiry is missing: allowed is nearest, next, monthly."),
        (options(strikes=""), "desk.toml: rule 'N': strikes is missing: allowed is a whole number from 0 to 500."),
        (options(strikes="-1"), "desk.toml: rule 'N': strikes = -1: allowed is a whole number from 0 to 500."),
        (options(strikes="true"), "desk.toml: rule 'N': strikes = True: allowed is a whole number from 0 to 500."),
        (options(strikes="501"), "desk.toml: rule 'N': strikes = 501: allowed is a whole number from 0 to 500."),
        (
            options(spot='"NIFTY 50"'),
            "desk.toml: rule 'N': spot = 'NIFTY 50': allowed is \"future\", or an instrument such as \"NSE:NIFTY 50\".",
        ),
        (options(recentre="0.4"), "desk.toml: rule 'N': recentre = 0.4: allowed is a number of strikes from 0.5 on."),
        (options(recentre="nan"), "desk.toml: rule 'N': recentre = nan: allowed is a number of strikes from 0.5 on."),
        (options(recentre="true"), "desk.toml: rule 'N': recentre = True: allowed is a number of strikes from 0.5 on."),
        (
            options(exchange='"nfo"'),
            "desk.toml: rule 'N': exchange = 'nfo': allowed is an exchange such as NFO, BFO, CDS or MCX.",
        ),
        (
            options(contracts="2"),
            "desk.toml: rule 'N': contracts is not known here; allowed are name, mode, options, expiry, strikes, spot",
        ),
        (
            '[[rules]]\nname="F"\nmode="ltp"\nfutures=[]',
            "desk.toml: rule 'F': futures = []: allowed is a list such as [\"NIFTY\"].",
        ),
        (
            '[[rules]]\nname="F"\nmode="ltp"\nfutures=["A","A"]',
            "desk.toml: rule 'F': futures names something twice; allowed is each once.",
        ),
        (
            '[[rules]]\nname="F"\nmode="ltp"\nfutures=["A"]\ncontracts=0',
            "desk.toml: rule 'F': contracts = 0: allowed is a whole number from 1 to 12.",
        ),
        (
            '[[rules]]\nname="L"\nmode="ltp"\nsymbols=["RELIANCE"]',
            "desk.toml: rule 'L': symbols has 'RELIANCE': allowed is exchange and symbol, such as NSE:INFY.",
        ),
        (
            '[[rules]]\nname="L"\nmode="ltp"\ntokens=["5"]',
            "desk.toml: rule 'L': tokens = ['5']: allowed is a list of instrument tokens such as [408065].",
        ),
        (
            '[[rules]]\nname="L"\nmode="ltp"\ntokens=[4294967296]',
            "desk.toml: rule 'L': tokens = [4294967296]: allowed is a list of instrument tokens such as [408065].",
        ),
        (
            '[[rules]]\nname="L"\nmode="ltp"\ntokens=[5,5]',
            "desk.toml: rule 'L': tokens names something twice; allowed is each once.",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_allowed(text: str, told: str) -> None:
    (problem,) = faults(text)
    assert problem.startswith(told)
    assert "\n" not in problem or "TOML" in problem


def test_all_mistakes_of_all_files_are_told_at_once() -> None:
    with pytest.raises(RuleError) as caught:
        parse({"a.toml": options(strikes="-1") + "\n" + options(mode='"x"'), "b.toml": "rules = 1"})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["a.toml", "a.toml", "b.toml"]


def test_a_name_stands_for_one_rule_in_all_files() -> None:
    with pytest.raises(RuleError) as caught:
        parse({"a.toml": options(), "b.toml": options()})
    assert caught.value.problems == ("b.toml: rule 'N': name is taken by an earlier rule; allowed is each name once.",)


@pytest.mark.parametrize(
    "kind", ['futures = ["NIFTY"]', 'options = "NIFTY"\nexpiry = "nearest"\nstrikes = 1', "tokens = [1]"]
)
def test_every_rule_may_name_the_class_of_its_instruments(kind: str) -> None:
    head = '[[rules]]\nname = "N"\nmode = "ltp"\n'
    (named,) = parse({"desk.toml": f'{head}{kind}\nfreshness = "liquid"\n'})
    (silent,) = parse({"desk.toml": head + kind})
    assert (named.freshness, silent.freshness) == ("liquid", None)
    with pytest.raises(RuleError, match="allowed is index, liquid, illiquid, unwatched"):
        parse({"desk.toml": f'{head}{kind}\nfreshness = "fresh"\n'})


def test_each_kind_of_rule_may_say_how_often_its_instruments_tick() -> None:
    text = (
        options(freshness='"liquid"')
        + """
[[rules]]
name = "F"
mode = "ltp"
futures = ["NIFTY"]
freshness = "index"
[[rules]]
name = "L"
mode = "ltp"
tokens = [5]
freshness = "unwatched"
"""
    )
    assert [rule.freshness for rule in parse({"desk.toml": text})] == ["liquid", "index", "unwatched"]
    (told,) = faults(options(freshness='"sometimes"'))
    assert "freshness = 'sometimes': allowed is " in told


@pytest.mark.parametrize("recentre", ["0.5", "1", "500"])
def test_the_edges_of_what_is_allowed_are_allowed(recentre: str) -> None:
    (rule,) = parse({"desk.toml": options(recentre=recentre, strikes="500")})
    assert isinstance(rule, Options)
    assert (rule.recentre, rule.strikes) == (float(recentre), 500)


@pytest.mark.parametrize("symbols", ['["NSE:INFY", 5]', '["NSE:INFY", ""]', "[]", '"NSE:INFY"', "[5]"])
def test_a_list_of_symbols_is_a_list_of_texts(symbols: str) -> None:
    (told,) = faults(f'[[rules]]\nname = "L"\nmode = "ltp"\nsymbols = {symbols}')
    assert "symbols = " in told
    assert told.rstrip(".").endswith('allowed is a list such as ["NSE:INFY"]')


def test_a_symbol_twice_is_told_under_its_key() -> None:
    (told,) = faults('[[rules]]\nname = "L"\nmode = "ltp"\nsymbols = ["NSE:INFY", "NSE:INFY"]')
    assert "symbols names something twice" in told


def test_token_nought_is_none() -> None:
    (told,) = faults('[[rules]]\nname = "L"\nmode = "ltp"\ntokens = [0]')
    assert "tokens = [0]" in told


def test_rules_are_tables_every_one_of_them() -> None:
    (told,) = faults('rules = [{name = "L", mode = "ltp", tokens = [1]}, 5]')
    assert told.startswith("desk.toml")


def test_several_faults_are_one_a_line() -> None:
    assert str(RuleError("one", "two")) == "one\ntwo"
