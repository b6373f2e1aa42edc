"""What docs/query.md shows works: its questions, and its ways into the tools that are installed."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ticks import write_journal
from tradewarden.feed.query import Question, answer
from tradewarden.feed.sinks.parquet_seal import Order, seal

PAGE = (Path(__file__).parents[1] / "docs" / "query.md").read_text()
TOOLS = dict(re.findall(r"(?ms)^```python (\w+)$(.*?)^```$", PAGE))
SQL = [each for block in re.findall(r"(?ms)^```sql$(.*?)^```$", PAGE) for each in block.split(";") if each.strip()]
COMMANDS = re.findall(r'(?m)^\$ tradewarden query "(.*)"$', PAGE)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("state")
    write_journal(path / "journal", 2000)
    list(seal(Order(path / "journal", path / "ticks", path / "instruments.json", 2000, 30.0)))
    return path


@pytest.mark.parametrize("tool", TOOLS)
def test_the_files_open_in_other_tools_as_the_page_says(tool: str, state: Path) -> None:
    if find_spec(tool) is None:
        pytest.skip(f"{tool} is not installed: pip install {tool}")
    done = subprocess.run(
        [sys.executable, "-c", TOOLS[tool]], cwd=state, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 4  # it printed what it had found


@pytest.mark.parametrize("sql", SQL + COMMANDS)
def test_a_question_of_the_page_is_understood(sql: str, state: Path) -> None:
    places = {name: state / name for name in ("ticks", "journal")}
    question = Question(
        sql=sql,
        **places,
        names=state / "instruments.json",
        rows=100,
        bytes=100_000,
        seconds=20,
        memory_mb=256,
        threads=2,
    )
    assert answer(question)["columns"]


def test_the_page_shows_every_tool_and_questions_of_its_own() -> None:
    assert list(TOOLS) == ["duckdb", "polars", "pandas", "pyarrow"]
    assert len(SQL) == 3
    assert len(COMMANDS) == 1
