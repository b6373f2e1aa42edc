"""Which numbers of runs keepers know."""

from __future__ import annotations

from pathlib import Path

from tradewarden.orchestrator.keeping.status import StatusLog
from tradewarden.orchestrator.run_numbers import highest
from tradewarden.orchestrator.status_log import TAIL


def test_the_highest_number_in_what_keepers_look_back_at_counts_and_no_forged_one(tmp_path: Path) -> None:
    assert highest(tmp_path / "nowhere") == 0
    buy, watch = (StatusLog(str(tmp_path / f"{name}.status"), "", name) for name in ("buy@asha", "watch"))
    for revision in ("run-12", "run-9.2", "r77", "run-1234567890123", "run-x"):
        buy.write("start", 1.0, rev=revision)
    assert highest(tmp_path) == 12
    watch.write("starting", 1.0, rev="run-13.4")
    assert highest(tmp_path) == 13
    with (tmp_path / "watch.status").open("ab") as file:
        file.write(b" " * TAIL)
    (tmp_path / "gone.status").mkdir()
    assert highest(tmp_path) == 12
