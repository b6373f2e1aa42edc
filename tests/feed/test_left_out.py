"""Numbers that were never given, remembered beside the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradewarden.feed.left_out import FILE, given, leave_out


def test_without_any_left_out_all_were_given(tmp_path: Path) -> None:
    assert given(tmp_path, 5, 14) == 10
    assert given(tmp_path / "nowhere", 5, 5) == 1


@pytest.mark.parametrize(
    ("first", "last", "count"), [(1, 9, 9), (1, 10, 9), (10, 20, 0), (12, 15, 0), (15, 25, 5), (5, 45, 20), (21, 29, 9)]
)
def test_of_a_stretch_only_what_was_not_left_out_counts(tmp_path: Path, first: int, last: int, count: int) -> None:
    leave_out(tmp_path, 10, 20)
    leave_out(tmp_path, 30, 39)
    assert given(tmp_path, first, last) == count


def test_a_line_that_a_crash_cut_off_hides_no_other(tmp_path: Path) -> None:
    leave_out(tmp_path, 10, 20)
    with (tmp_path / FILE).open("a") as file:
        file.write('7\n["a", 3]\n[30, 3')
    assert given(tmp_path, 1, 40) == 29
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
