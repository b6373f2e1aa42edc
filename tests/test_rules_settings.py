"""What `tradewarden check` says of rules: every fault of every file, and a total that no connections carry."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.settings import load
from tradewarden.settings_sources import ConfigError

WIDE = '[[rules]]\nname = "{name}"\nmode = "ltp"\noptions = "NIFTY"\nexpiry = "nearest"\nstrikes = 370\n'


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


def config(folder: Path, text: str) -> Path:
    path = folder / "tradewarden.toml"
    path.write_text(text)
    return path


def problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value.problems


def test_rules_are_named_in_the_settings_and_are_instruments_enough(tmp_path: Path) -> None:
    settings = load(config(tmp_path, '[feed]\nrules = ["original-128", "commodities"]\ndump_after = "08:45"\n'))
    assert settings.feed.rules == ["original-128", "commodities"]
    assert settings.feed.dump_after == "08:45"
    assert not any("feed." in warning for warning in settings.warnings())
    assert any("feed.rules are empty" in warning for warning in load(config(tmp_path, "")).warnings())


def test_every_fault_of_a_rule_file_is_told_with_the_place_that_names_the_file(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[[rules]]\nname = "A"\nmode = "deep"\nfutures = "NIFTY"\n[[rules]]\nname = "B"\n')
    path = config(tmp_path, f'[feed]\nrules = ["{own}"]\n')
    assert problems(path) == (
        f"{path}: feed.rules: {own}: rule 'A': mode = 'deep': allowed is ltp, quote, full.",
        (
            f"{path}: feed.rules: {own}: rule 'B': asks for nothing; allowed is one of futures, options, or symbols and"
            " tokens."
        ),
    )


def test_a_rule_file_that_is_not_there_is_a_fault_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWARDEN_FEED__RULES", '["original-129"]')
    assert problems(config(tmp_path, "")) == (
        (
            "environment variable TRADEWARDEN_FEED__RULES: feed.rules: original-129: cannot be read: No such file or"
            " directory; shipped are commodities, indices, original-128."
        ),
    )


def test_rules_that_may_come_to_more_than_all_connections_carry_are_refused_with_the_total(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("".join(WIDE.format(name=name) for name in "ABCDEF"))  # 6 x (741 strikes x 2 + a spot) = 8898
    text = f'[feed]\nrules = ["{own}"]\n[feed.instruments]\nltp = '
    assert load(config(tmp_path, text + str(list(range(1, 103))))).feed.rules == [str(own)]
    path = config(tmp_path, text + str(list(range(1, 104))))
    (problem,) = problems(path)
    assert problem == (
        f"{path}: feed.rules and feed.instruments come to as many as 9001 instruments; allowed are 9000 in total, on 3"
        " connections of 3000."
    )
