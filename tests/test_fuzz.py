"""A moment of what `make fuzz` does for ten minutes: whoever reads bytes from outside reads any bytes."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import bent
from fuzz_files import FILES
from fuzz_targets import TARGETS, Target, made_frame, resealed
from fuzz_words import WORDS

SUPPORT = Path(__file__).parent / "support"
INPUTS = 150


@pytest.mark.parametrize("target", [*TARGETS, *WORDS, *FILES], ids=lambda target: target.name)
def test_no_bytes_bring_a_reader_down(target: Target) -> None:
    chance, seeds = random.Random(7), list(target.seeds())
    for data in [*seeds, *(bent(seeds, target.words, chance) for _ in range(INPUTS))]:
        try:
            target.read(data)
        except BaseException:
            print(f"{target.name} falls over {data!r}")  # noqa: T201 - pytest shows it with the failure
            raise


def test_no_request_brings_a_running_desk_down(tmp_path: Path) -> None:
    command = [sys.executable, str(SUPPORT / "fuzz.py"), "--one", "http", "--seconds", "2"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]


def test_a_reader_that_can_be_brought_down_is_found_out(tmp_path: Path) -> None:
    """Of the fuzzer itself: the input that does it is kept, and can be read again."""
    broken = tmp_path / "fuzz_broken.py"
    broken.write_text(
        f"import sys\nsys.path.insert(0, {str(SUPPORT)!r})\nimport fuzz\nfrom fuzz_targets import Target\n"
        "def read(data):\n    assert data[:1] != b'\\xff', 'found out'\n"
        "fuzz.targets = lambda: {'broken': Target('broken', lambda: [b'good', b'also good'], read)}\n"
        "sys.exit(fuzz.main())\n"
    )
    command = [sys.executable, str(broken)]
    done = subprocess.run(
        [*command, "--one", "broken", "--seconds", "20"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert done.returncode == 1
    assert "found out" in done.stderr
    kept = tmp_path / "crash-broken"
    assert kept.read_bytes()[:1] == b"\xff"
    again = [*command, "--again", str(kept), "broken"]
    assert subprocess.run(again, cwd=tmp_path, capture_output=True, check=False, timeout=55).returncode == 1


def test_a_frame_is_sealed_again_after_it_was_changed() -> None:
    frame = made_frame(1)
    assert resealed(frame) == frame
    changed = frame[:-1] + bytes([frame[-1] ^ 1])
    assert resealed(changed)[8:] == changed[8:]
    assert resealed(changed) != changed
