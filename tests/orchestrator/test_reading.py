"""A configuration read once more, in a process of its own: the services, or every fault in it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tradewarden.orchestrator import reading
from tradewarden.orchestrator.reading import UnreadableError, read_services


def test_the_services_come_as_the_file_has_them(tmp_path: Path) -> None:
    file = tmp_path / "tradewarden.toml"
    file.write_text('[services.a]\ncommand = "sleep 1"\nenvironment = {PW = {secret = "db"}}\n')
    (service,) = asyncio.run(read_services(file))
    assert (service.name, service.command, service.directory) == ("a", ("sleep", "1"), str(tmp_path))


def test_every_fault_is_told(tmp_path: Path) -> None:
    file = tmp_path / "tradewarden.toml"
    file.write_text('[services.a]\ncommand = "no-such-program"\n[http]\nport = -1\n')
    with pytest.raises(UnreadableError) as caught:
        asyncio.run(read_services(file))
    assert len(caught.value.problems) == 2
    assert all(str(file) in problem for problem in caught.value.problems)


def test_a_reader_that_breaks_off_or_cannot_begin_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(reading, "MODULE", "tradewarden.no_such_module")
        with pytest.raises(UnreadableError, match="broke off with status 1"):
            asyncio.run(read_services(None))
    assert "no_such_module" in capfd.readouterr().err
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    with pytest.raises(UnreadableError, match="no process can be started to read the configuration: No such file"):
        asyncio.run(read_services(None))


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "tradewarden.toml"
    file.write_text("")
    monkeypatch.setattr(reading, "PATIENCE", 0.01)
    with pytest.raises(UnreadableError, match=r"could not be read within 0\.01 s; try again"):
        asyncio.run(read_services(file))
