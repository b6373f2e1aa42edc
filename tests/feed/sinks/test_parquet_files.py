from datetime import UTC, date, datetime
from pathlib import Path

from tradewarden.feed.record import Frame
from tradewarden.feed.sinks.parquet_files import days, expire, files, kept, path_of, split_by_hour


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def put(ticks: Path, text: str, first_seq: int, content: bytes = b"some") -> Path:
    ((hour, _),) = split_by_hour([Frame(first_seq, 1, at(text), b"")])
    path = path_of(ticks, hour, first_seq)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_day_and_hour_are_those_of_the_receipt_in_india() -> None:
    for text, folder in (
        ("2026-11-23T09:15:00+05:30", "date=2026-11-23/hour=09"),
        ("2026-11-23T09:59:59+05:30", "date=2026-11-23/hour=09"),
        ("2026-11-23T10:00:00+05:30", "date=2026-11-23/hour=10"),
        ("2026-11-23T18:29:59+00:00", "date=2026-11-23/hour=23"),
        ("2026-11-23T18:30:00+00:00", "date=2026-11-24/hour=00"),
    ):
        ((hour, _),) = split_by_hour([Frame(5, 1, at(text), b"")])
        assert path_of(Path("ticks"), hour, 5) == Path("ticks", *folder.split("/"), "00000000000000000005.parquet")


def test_frames_are_split_where_the_hour_changes_even_when_the_clock_is_set_back() -> None:
    hours = ("09", "09", "10", "09", "10")
    some = [Frame(n, 1, at(f"2026-11-23T{hour}:30:00+05:30"), b"") for n, hour in enumerate(hours, 1)]
    assert [[frame.first_seq for frame in part] for _, part in split_by_hour(some)] == [[1, 2], [3], [4], [5]]


def test_what_is_there_is_counted_and_unfinished_files_are_not(tmp_path: Path) -> None:
    assert kept(tmp_path / "none") == (0, 0, 0, None)
    put(tmp_path, "2026-11-23T09:15:00+05:30", 1, b"12345")
    put(tmp_path, "2026-11-24T09:15:00+05:30", 9, b"123").with_name(".x.parquet.tmp").write_bytes(b"never")
    (tmp_path / "date=yesterday").mkdir()
    assert kept(tmp_path) == (2, 8, 2, date(2026, 11, 23))


def test_days_before_the_oldest_go_and_everything_else_stays(tmp_path: Path) -> None:
    old = put(tmp_path, "2026-11-20T15:29:00+05:30", 1)
    old.with_name(".2.parquet.tmp").write_bytes(b"left by a kill")
    kept_file = put(tmp_path, "2026-11-23T09:15:00+05:30", 7)
    (tmp_path / "notes.txt").write_text("a person's")
    assert expire(tmp_path, date(2026, 11, 23)) == [date(2026, 11, 20)]
    assert [day for day, _ in days(tmp_path)] == [date(2026, 11, 23)]
    assert files(tmp_path / "date=2026-11-23") == [kept_file]
    assert not old.parent.exists()
    assert (tmp_path / "notes.txt").exists()
    assert expire(tmp_path, date(2026, 11, 23)) == []


def test_a_day_with_something_that_is_not_ours_inside_loses_its_ticks_and_stays(tmp_path: Path) -> None:
    old = put(tmp_path, "2026-11-20T15:29:00+05:30", 1)
    (old.parent.parent / "notes.txt").write_text("a person's")
    assert expire(tmp_path, datetime(2026, 11, 23, tzinfo=UTC).date()) == []
    assert not old.exists()
    assert (old.parent.parent / "notes.txt").exists()
