"""What a process makes for itself lies together once the gaps are filled."""

import subprocess
import sys

import pytest

from tradewarden.orchestrator.keeping.ballast import fill

# A few of many objects go, as after loading modules; a few new ones come, as in a new keeper.
SCENE = """
import sys
sys.path.append({source!r})
from tradewarden.orchestrator.keeping.ballast import fill
many = [bytes({size} - 33) for _ in range(5_000)]
del many[::50]
held = {filling}
new = [bytes({size} - 33) for _ in range(40)]
print(len({{id(each) // 4096 for each in new}}))
"""


def pages(size: int, filling: str) -> int:
    """On how many pages 40 new objects of this size lie."""
    scene = SCENE.format(source=next(path for path in sys.path if path.endswith("src")), size=size, filling=filling)
    told = subprocess.run([sys.executable, "-I", "-S", "-c", scene], capture_output=True, text=True, check=True)
    return int(told.stdout)


@pytest.mark.parametrize("size", [48, 64, 128, 240])
def test_new_objects_lie_on_as_few_pages_as_they_need(size: int) -> None:
    assert pages(size, "fill()") <= 40 * size / 4096 + 2
    assert pages(size, "None") > 40 * size / 4096 + 2


def test_it_holds_little_itself() -> None:
    assert sum(map(sys.getsizeof, fill())) < 1_000_000
