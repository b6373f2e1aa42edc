import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tradewarden.orchestrator.override_file import read_overrides

ORDER = {
    "segment": "NSE_EQ",
    "since": "2026-11-23T09:00:00+05:30",
    "until": "2026-11-23T15:00:00+05:30",
    "reason": "a strike",
    "state": "closed",
    "expect": None,
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 3000,
        '{"overrides": 7}',
        '{"overrides": ["closed"]}',
        json.dumps({"overrides": [ORDER | {"segment": None}]}),
        json.dumps({"overrides": [ORDER | {"until": "2026-11-23T15:00:00"}]}),
        json.dumps({"overrides": [ORDER | {"until": ORDER["since"]}]}),
        json.dumps({"overrides": [ORDER | {"state": "asleep"}]}),
    ],
)
def test_a_damaged_file_of_orders_is_told_and_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "overrides.json"
    path.write_text(text)
    with capture_logs() as lines:
        assert read_overrides(path) == {}
    assert [line["event"] for line in lines] == ["market.overrides_unreadable"]
    assert path.read_text() == text


def test_a_whole_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "overrides.json"
    path.write_text(json.dumps({"overrides": [ORDER]}))
    (order,) = read_overrides(path).values()
    assert (order.segment, order.reason, order.state, order.expect) == ("NSE_EQ", "a strike", "closed", None)
