"""Where rule files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.feed.tick import Mode
from tradewarden.machines.instruments import Listed
from tradewarden.orchestrator.rule_files import RuleError, listed, load_rules, shipped

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
