import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tradewarden.feed.names import Names
from tradewarden.feed.sinks import registry
from tradewarden.feed.sinks.registry import STORES, Store, sink_of
from tradewarden.feed.sinks.sink import SinkMisfitError
from tradewarden.settings_sinks import SinkSection, SinksSettings


class Made:
    def __init__(self, **values: Any) -> None:
        self.values = values


@pytest.fixture
def _made(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_sink")
    module.MadeSink = Made  # type: ignore[attr-defined] # a module made for this test
    monkeypatch.setitem(sys.modules, "made_sink", module)
    stores = {"made": Store("made_sink", "MadeSink", file="made.db"), "gone": Store("no_such_library", "X", "gone")}
    monkeypatch.setattr(registry, "STORES", stores)


def test_every_store_has_a_table_of_settings_and_every_table_a_store() -> None:
    assert set(SinksSettings.model_fields) == {*STORES, "parquet"}
    assert all(isinstance(getattr(SinksSettings(), name), SinkSection) for name in STORES)


@pytest.mark.usefixtures("_made")
def test_a_sink_is_made_of_plain_values_and_lies_in_the_state_directory_unless_told_otherwise(tmp_path: Path) -> None:
    names = Names(tmp_path / "i.json")
    made: Any = sink_of("made", {"path": None, "ticks": True}, names=names, state_dir=tmp_path)
    assert made.values == {"path": tmp_path / "made.db", "ticks": True, "names": names}
    made = sink_of("made", {"path": Path("x.db")}, names=names, state_dir=tmp_path)
    assert made.values["path"] == Path("x.db")


@pytest.mark.usefixtures("_made")
def test_a_missing_extra_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    with pytest.raises(SinkMisfitError, match=r"needs the package no_such_library: pip install 'tradewarden\[gone\]'"):
        sink_of("gone", {}, names=Names(tmp_path), state_dir=tmp_path)


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SinkMisfitError, match="there is no sink 'kafka'; known are sqlite, redis"):
        sink_of("kafka", {}, names=Names(tmp_path), state_dir=tmp_path)
