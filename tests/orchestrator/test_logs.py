from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from logged import append, rotate, stamped, write_log
from tradewarden.log import redact
from tradewarden.orchestrator import logs as module
from tradewarden.orchestrator.log_files import BLOCK, Files
from tradewarden.orchestrator.log_line import Wanted
from tradewarden.orchestrator.logs import Logs

ALL = Wanted()


def logs_in(directory: Path) -> Logs:
    return Logs(directory, redact)


def texts(directory: Path, *services: str, lines: int = 100, **wanted: Any) -> list[str]:
    found = logs_in(directory).tail(services, Wanted(**wanted), lines=lines)
    assert found.troubles == ()
    return [line.text for line in found.lines]


def test_the_logs_of_several_services_become_one_in_the_order_in_which_lines_came(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", f"f{n}", n) for n in range(5)])
    write_log(tmp_path, "writer", [stamped("writer", f"w{n}", n + 0.5) for n in range(5)])
    assert texts(tmp_path, "feed", "writer", lines=4) == ["f3", "w3", "f4", "w4"]
    assert texts(tmp_path, "writer", lines=2) == ["w3", "w4"]
    assert texts(tmp_path, "feed", "writer", lines=0) == []


@pytest.mark.parametrize("packed", [False, True])
def test_older_files_are_read_on_plain_or_compressed(tmp_path: Path, packed: bool) -> None:  # noqa: FBT001 - a table
    write_log(tmp_path, "feed", [stamped("feed", "3", 3)])
    write_log(tmp_path, "feed", [stamped("feed", "2", 2)], number=1)
    write_log(tmp_path, "feed", [stamped("feed", "0"), stamped("feed", "1", 1)], number=2, packed=packed)
    assert texts(tmp_path, "feed") == ["0", "1", "2", "3"]
    assert texts(tmp_path, "feed", lines=3) == ["1", "2", "3"]


def test_a_file_is_read_from_its_end_block_by_block(tmp_path: Path) -> None:
    said = [f"{n} " + "x" * (n % 300) for n in range(2000)]
    path = write_log(tmp_path, "feed", [stamped("feed", text, n) for n, text in enumerate(said)])
    assert path.stat().st_size > 5 * BLOCK
    assert texts(tmp_path, "feed", lines=5000) == said
    assert texts(tmp_path, "feed", lines=3) == said[-3:]


def test_a_file_that_is_put_aside_while_it_is_read_is_not_read_twice(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "2", 2), stamped("feed", "3", 3)])
    write_log(tmp_path, "feed", [stamped("feed", "0"), stamped("feed", "1", 1)], number=1)
    lines = Files(tmp_path, "feed").backwards()
    found = [next(lines)]
    rotate(tmp_path, "feed")
    assert [line[-1:] for line in [*found, *lines]] == [b"3", b"2", b"1", b"0"]


@pytest.mark.parametrize("size", [BLOCK - 40, BLOCK, 3 * BLOCK])
def test_a_line_as_long_as_a_block_hides_none_beside_it(tmp_path: Path, size: int) -> None:
    write_log(
        tmp_path, "feed", [stamped("feed", "before"), stamped("feed", "x" * size, 1), stamped("feed", "after", 2)]
    )
    assert [text[:6] for text in texts(tmp_path, "feed")] == ["before", "xxxxxx", "after"]


def test_text_level_and_time_choose_lines(tmp_path: Path) -> None:
    write_log(
        tmp_path, "feed", [stamped("feed", "ERROR a"), stamped("feed", "INFO b", 1), stamped("feed", "ERROR b", 2)]
    )
    assert texts(tmp_path, "feed", level="error", lines=1) == ["ERROR b"]
    assert texts(tmp_path, "feed", text="B") == ["INFO b", "ERROR b"]
    assert texts(tmp_path, "feed", since="2026-11-23T03:45:01.000000Z") == ["INFO b", "ERROR b"]


def test_what_is_passed_over_in_blocks_is_only_what_nobody_wants(tmp_path: Path) -> None:
    red = "Nee\x1b[0mdle"
    said = [f"{'ERROR' if n % 97 == 0 else 'INFO'} {n} {red if n % 191 == 0 else 'x' * 150}" for n in range(2000)]
    write_log(tmp_path, "feed", [stamped("feed", text, n) for n, text in enumerate(said)])
    plain = [text.replace("\x1b[0m", "") for text in said]
    assert texts(tmp_path, "feed", text="needle") == [text for text in plain if "Needle" in text]
    assert texts(tmp_path, "feed", text=" 19 ") == [plain[19]]
    assert texts(tmp_path, "feed", level="error") == [text for text in plain if "ERROR" in text]
    since = "2026-11-23T04:10:00.000000Z"  # 1500 s after the first one
    assert texts(tmp_path, "feed", level="error", since=since) == [text for text in plain[1500:] if "ERROR" in text]


def test_no_secret_and_no_control_character_is_shown_nor_can_it_be_searched_for(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "\x1b[31mlogin\x1b[0m access_token=canary123456 \x07ok")])
    assert texts(tmp_path, "feed") == ["login access_token=[redacted] ok"]
    assert texts(tmp_path, "feed", text="canary123456") == []


def test_a_service_that_never_ran_a_half_line_and_noise_are_no_lines(tmp_path: Path) -> None:
    assert texts(tmp_path, "feed") == []
    write_log(tmp_path, "feed", ["noise\n", stamped("feed", "whole"), stamped("feed", "half").rstrip("\n")])
    assert texts(tmp_path, "feed", "writer") == ["whole"]


def test_a_damaged_file_is_told_and_passed_over(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "new", 1)])
    packed = write_log(tmp_path, "feed", [stamped("feed", "old")], number=1, packed=True)
    packed.write_bytes(packed.read_bytes()[:-12])
    found = logs_in(tmp_path).tail(["feed"], ALL, lines=10)
    assert [line.text for line in found.lines] == ["new"]
    assert "feed.log.1.gz cannot be read" in found.troubles[0]


def test_a_question_looks_through_so_much_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEARCHED", BLOCK)
    write_log(tmp_path, "feed", [stamped("feed", "x" * 200, n) for n in range(3000)])
    found = logs_in(tmp_path).tail(["feed"], Wanted(text="nowhere"), lines=10)
    assert found.lines == ()
    assert "looked through the last" in found.troubles[0]


def test_a_follower_tells_what_is_new_and_a_tail_what_came_before_it_began(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "before")])
    logs = logs_in(tmp_path)
    follower = logs.follower(["feed", "writer"])
    append(tmp_path, "feed", stamped("feed", "new", 2))
    write_log(tmp_path, "writer", [stamped("writer", "first", 1)])
    before = logs.tail(["feed", "writer"], ALL, lines=10, upto=follower.places())
    assert [line.text for line in before.lines] == ["before"]
    assert [line.text for line in follower.new()] == ["first", "new"]
    assert follower.new() == []
    follower.close()
    assert follower.new() == []


def test_a_follower_waits_for_the_end_of_a_line(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [])
    follower = logs_in(tmp_path).follower(["feed"])
    whole = stamped("feed", "whole")
    append(tmp_path, "feed", whole[:30])
    assert follower.new() == []
    append(tmp_path, "feed", whole[30:])
    assert [line.text for line in follower.new()] == ["whole"]
    follower.close()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_no_line_is_lost_when_files_turn_between_two_looks(tmp_path: Path, turns: int) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "old")])
    follower = logs_in(tmp_path).follower(["feed"])
    for turn in range(turns):
        append(tmp_path, "feed", stamped("feed", f"before {turn}", turn))
        rotate(tmp_path, "feed")
    append(tmp_path, "feed", stamped("feed", "after", turns))
    assert [line.text for line in follower.new()] == [*(f"before {turn}" for turn in range(turns)), "after"]
    follower.close()


def test_a_flood_is_read_in_pieces_and_skipped_once_it_is_far_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tradewarden.orchestrator.log_follower.AT_ONCE", 2048)
    monkeypatch.setattr("tradewarden.orchestrator.log_follower.AT_ONCE_OF_ALL", 2048)
    monkeypatch.setattr("tradewarden.orchestrator.log_follower._AT_LEAST", 2048)
    monkeypatch.setattr("tradewarden.orchestrator.log_follower.BEHIND", 20_000)
    write_log(tmp_path, "feed", [])
    follower = logs_in(tmp_path).follower(["feed"])
    append(tmp_path, "feed", *(stamped("feed", f"{n:060}", n) for n in range(100)))
    seen: list[str] = []
    while new := follower.new():
        assert len(new) <= 2048 // 90
        seen += [line.text for line in new]
    assert seen == [f"{n:060}" for n in range(100)]
    assert not follower.skipped
    append(tmp_path, "feed", *(stamped("feed", f"{n:060}", n) for n in range(1000)))
    newest: list[str] = []
    while new := follower.new():
        newest += [line.text for line in new]
    assert newest[-1] == f"{999:060}"
    assert len(newest) < 30
    assert follower.skipped["feed"] > 80_000
    follower.close()


def test_a_file_that_somebody_cut_is_read_from_its_start(tmp_path: Path) -> None:
    write_log(tmp_path, "feed", [stamped("feed", "long " * 20)])
    follower = logs_in(tmp_path).follower(["feed"])
    write_log(tmp_path, "feed", [stamped("feed", "anew")])
    assert [line.text for line in follower.new()] == ["anew"]
    follower.close()
