"""The same lines into VictoriaMetrics: a real one."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest

from servers.influxdb import influxdb
from servers.victoria import victoria
from tradewarden.feed.names import Names
from tradewarden.feed.record import Frame, pack
from tradewarden.feed.sinks.influx import InfluxSink
from tradewarden.feed.sinks.influx_retained import InfluxRetained
from tradewarden.feed.sinks.line_http import Answer
from tradewarden.feed.sinks.sink import SinkMisfitError, Written
from tradewarden.feed.tick import FullTick

INFY = 408065


async def test_ticks_are_there_with_their_prices_and_the_position_is_careful(tmp_path: Path) -> None:
    now = [time.time_ns() - 20_000_000_000]
    with victoria(tmp_path) as url:
        sink = InfluxSink(
            names=Names(tmp_path / "none"), url=url, flavour="victoriametrics", database="desk", now_ns=lambda: now[0]
        )
        await sink.open()
        assert await sink.position() == 0
        for seq in range(1, 5):
            now[0] += 4_000_000_000
            tick = pack(FullTick(INFY, 152_345 + seq, volume=seq))
            assert await sink.write([Frame(seq, 1, now[0], tick)]) == Written(1)
        assert await sink.position() == 1  # what is younger than ten seconds may not be on its disk yet
        select = f'{{__name__="ticks_last_price",instrument="{INFY}",db="desk"}}'
        answer = await sink.http.get("/api/v1/export", **{"match[]": select})
        (series,) = [orjson.loads(line) for line in answer.body.splitlines()]
        assert series["values"] == [1523.46, 1523.47, 1523.48, 1523.49]
        assert [table.name for table in await sink.tables()] == ["samples"]
        retained = InfluxRetained(sink)
        assert [(rule.name, rule.by) for rule in await retained.rules()] == [("server", "store")]
        await sink.close()


async def test_the_position_is_found_without_reading_all_that_were_ever_noted(tmp_path: Path) -> None:
    """Ten a second are millions in a month."""
    now = time.time_ns()
    with victoria(tmp_path) as url:
        sink = InfluxSink(names=Names(tmp_path / "none"), url=url, flavour="victoriametrics", database="desk")
        await sink.open()
        noted = [(seq, now - (701 - seq) * 600_000_000_000) for seq in range(1, 701)]  # ten minutes apart
        await sink.post("\n".join(sink.database.cursor_line(seq, at) for seq, at in noted), "long_term")
        asked, get = list[int](), sink.http.get

        async def weighed(path: str, **query: str) -> Answer:
            answer = await get(path, **query)
            asked.append(len(answer.body))
            return answer

        sink.http.get = weighed  # type: ignore[method-assign]
        assert await sink.position() == 699
        assert max(asked) < 1000
        await sink.close()


async def test_a_position_of_last_month_is_found_too(tmp_path: Path) -> None:
    with victoria(tmp_path) as url:
        sink = InfluxSink(names=Names(tmp_path / "none"), url=url, flavour="victoriametrics", database="desk")
        await sink.open()
        for seq, days in ((7, 21), (8, 20)):
            at = time.time_ns() - days * 86_400_000_000_000
            await sink.post(sink.database.cursor_line(seq, at), "long_term")
        assert await sink.position() == 7
        await sink.close()


async def test_another_server_is_named(tmp_path: Path) -> None:
    for flavour, kind in (("victoriametrics", "VictoriaMetrics"), ("questdb", "QuestDB")):
        sink = InfluxSink(names=Names(tmp_path / "none"), url=influxdb().url, flavour=flavour)  # type: ignore[arg-type]
        with pytest.raises(SinkMisfitError, match=f"is no {kind} .*set sinks.influx.flavour"):
            await sink.open()
        await sink.close()
    with victoria(tmp_path) as url:
        sink = InfluxSink(names=Names(tmp_path / "none"), url=url)
        with pytest.raises(SinkMisfitError, match=r"is no InfluxDB 1.x .*set sinks.influx.flavour"):
            await sink.open()
        await sink.close()
