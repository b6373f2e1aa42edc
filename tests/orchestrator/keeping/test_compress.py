"""Old log files made small, also where something is in the way."""

from __future__ import annotations

import os
from pathlib import Path

from tradewarden.orchestrator.keeping.compress import Compressor


def test_what_cannot_take_its_place_is_not_made_again_and_again(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    (tmp_path / "x.log.1").write_text("old\n")
    (tmp_path / "x.log.1.gz" / "in-the-way").mkdir(parents=True)
    compressor = Compressor(str(log), 3)
    compressor.begin()
    assert compressor.pid is not None
    _, status = os.waitpid(compressor.pid, 0)
    compressor.ended(status)
    assert status == 0
    assert compressor.pid is None
    assert (tmp_path / "x.log.1").read_text() == "old\n"
