"""The dashboard that is shipped asks what InfluxDB has: each question, as Grafana would put it, to a real one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from servers.influxdb import influxdb
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.tick import FullTick

FOLDER = Path(__file__).parents[1] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "tradewarden.json").read_text())
INFY, MINUTE = 408065, 60_000_000_000
LEVELS = (b"\0\0\0\1\0\2\x49\xf0\0\1\0\0") * 10


def questions() -> list[str]:
    variables = [variable["query"] for variable in DASHBOARD["templating"]["list"]]
    return variables + [target["query"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.fixture
async def database(tmp_path: Path) -> str:
    (tmp_path / "instruments.json").write_text(f'{{"instruments": [[{INFY}, "NSE", "INFY", "INFOSYS", "EQ"]]}}')
    server = influxdb()
    name = await server.new_database()
    sink = InfluxSink(names=Names(tmp_path / "instruments.json"), url=server.url, database=name)
    await sink.open()
    now = time.time_ns()
    for nth in range(4):
        tick = pack(FullTick(INFY, 150_000 + nth, volume=nth, depth_block=LEVELS))
        await sink.write([Frame(1 + nth, 1, now - (5 - nth) * MINUTE, tick)])
    await sink.close()
    return name


async def test_every_question_of_the_dashboard_has_an_answer(database: str) -> None:
    for question in questions():
        asked = question.replace("$timeFilter", "time >= now() - 1h").replace("$__interval", "1m")
        asked = asked.replace("$symbol", "INFY").replace("$instrument", str(INFY))
        assert "$" not in asked
        series = await influxdb().ask(asked, database)
        assert series, asked
        assert series[0]["values"], asked


def test_the_source_is_the_one_that_the_dashboard_names() -> None:
    text = (FOLDER / "datasource.yaml").read_text()
    assert f"uid: {DASHBOARD['panels'][0]['datasource']['uid']}\n" in text
    assert "dbName: tradewarden\n" in text
