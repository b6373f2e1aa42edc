"""Where rule files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.feed.tick import Mode
from tradewarden.machines.instruments import Listed
from tradewarden.orchestrator.rule_files import RuleError, astray, listed, load_rules, shipped

OWN = '[[rules]]\nname = "Mine"\nmode = "ltp"\ntokens = [5]\n'


def test_shipped_files_are_known_by_their_names_and_all_of_them_are_good() -> None:
    assert shipped() == ["commodities", "indices", "original-128"]
    assert len(load_rules(shipped())) == 5


def test_an_own_file_is_found_by_its_path_and_rules_keep_the_order_of_the_files(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(OWN)
    assert [rule.name for rule in load_rules([str(own), "commodities"])] == ["Mine", "Commodity futures"]


def test_a_file_that_cannot_be_read_is_named_with_those_that_are_shipped(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(RuleError) as caught:
        load_rules(["original-129", str(tmp_path / "latin")])
    assert caught.value.problems == (
        "original-129: cannot be read: No such file or directory; shipped are commodities, indices, original-128.",
        f"{tmp_path}/latin: is not UTF-8 text.",
    )


def test_a_file_named_twice_is_a_mistake() -> None:
    with pytest.raises(RuleError, match=r"indices: is named twice; allowed is each file once\."):
        load_rules(["indices", "commodities", "indices"])


def test_tokens_of_the_settings_are_rules_too() -> None:
    assert listed({Mode.FULL: [1, 2], Mode.LTP: []}) == [Listed("feed.instruments", "full", (), (1, 2))]


@pytest.mark.parametrize(
    ("rule", "segments", "told"),
    [
        ('futures = ["GOLD"]\nexchange = "MCX"', ["NSE_EQ"], "add MCX or MCX_AGRI_INTL or MCX_AGRI to segments"),
        ('futures = ["GOLD"]\nexchange = "MCX"', ["NSE_EQ", "MCX_AGRI"], None),
        ('options = "NIFTY"\nexpiry = "nearest"\nstrikes = 2', ["NFO"], None),
        ('options = "NIFTY"\nexpiry = "nearest"\nstrikes = 2', ["NSE_EQ"], "add NFO to segments"),
        ('symbols = ["NSE:INFY", "BSE:INFY"]', ["NSE_EQ_NOFO"], "add BSE_EQ to segments"),
        ('symbols = ["NSE:NIFTY 50"]', ["NSE_EQ"], None),
        ('symbols = ["BCD:USDINR"]', ["NSE_EQ"], "add CDS to segments"),
        ('symbols = ["NCO:JEERA"]', ["NSE_EQ"], "no calendar knows that exchange"),
        ("tokens = [5]", ["KRAKEN"], None),
    ],
)
def test_a_rule_for_a_market_that_the_desk_does_not_have_is_told(
    tmp_path: Path, rule: str, segments: list[str], told: str | None
) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(f'[[rules]]\nname = "Mine"\nmode = "ltp"\n{rule}\n')
    found = list(astray(load_rules([str(own)]), segments))
    assert len(found) == (told is not None)
    assert all("rule 'Mine' asks for" in each and f"; {told}." in each for each in found)
