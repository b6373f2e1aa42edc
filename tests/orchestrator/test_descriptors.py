"""A daemon takes all descriptors that it may have, and remembers how many it was given."""

from __future__ import annotations

import subprocess
import sys

TAKES = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (300, most))
from tradewarden.orchestrator import descriptors
descriptors.take_all()
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print(descriptors.USUAL, soft == hard == most)
"""


def test_it_takes_all_and_remembers_what_it_found() -> None:
    told = subprocess.run([sys.executable, "-c", TAKES], check=True, capture_output=True, text=True)
    assert told.stdout == "300 True\n"
