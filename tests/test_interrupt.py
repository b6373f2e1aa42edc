"""Ctrl-C ends every command at once, with 130 and without a traceback, whatever it was about."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CUT_SHORT = 130
NOBODY = "http://127.0.0.1:9"
WATCH = ["status", "--watch", "60", "--url", NOBODY]

# a person's Ctrl-C, at the moment when a module is looked for
AT_AN_IMPORT = """
import os, signal, sys, time

class Person:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)
            except KeyboardInterrupt:
                if sys.argv[2] != "swallowed":
                    raise
                time.sleep(60)

sys.meta_path.insert(0, Person())
from tradewarden.__main__ import main
sys.exit(main(sys.argv[3:]))
"""


def interrupted(module: str, how: str, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", AT_AN_IMPORT, module, how, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("module", ["argparse", "tradewarden.commands.desk", "pydantic", "tradewarden.desk_command"])
def test_a_command_that_is_still_loading_ends_at_once(module: str) -> None:
    assert interrupted(module, "heard", "start", "--all", "--url", NOBODY) == (CUT_SHORT, "")


def test_a_ctrl_c_that_a_library_swallows_counts_all_the_same() -> None:
    began = time.monotonic()
    assert interrupted("aiohttp", "swallowed", *WATCH) == (CUT_SHORT, "")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("words", [WATCH, ["services", "--watch", "60", "--url", NOBODY]])
def test_who_watches_leaves_at_once(words: list[str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "tradewarden", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        rest = watching.stdout.read()
        assert (watching.wait(10), rest) == (CUT_SHORT, "")
    assert "no tradewarden answers" in first
