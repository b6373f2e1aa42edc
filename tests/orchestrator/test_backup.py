"""A backup holds what the desk must not lose, whole or not at all, and comes back as it was."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ticks import write_journal
from tradewarden.feed import cursor
from tradewarden.feed.reader import Reader, tail
from tradewarden.machines.claim import Claim
from tradewarden.machines.gap import Gap
from tradewarden.machines.run import Outcome, Refused, Run, Trigger
from tradewarden.orchestrator.backup import MANIFEST, BackupError, restore_backup, write_backup
from tradewarden.orchestrator.lease import own_lease
from tradewarden.orchestrator.ledger import UPGRADES, Ledger
from tradewarden.orchestrator.ledger_file import LedgerFile
from tradewarden.orchestrator.runs import Runs

NOW = datetime(2026, 11, 23, 11, tzinfo=UTC)

# Records, remembers, and says so after each deed; it never ends by itself.
DESK = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ticks import ticks
from tradewarden.feed.journal import Journal
from tradewarden.feed.record import pack
from tradewarden.machines.gap import Gap
from tradewarden.orchestrator.ledger import Ledger
state = Path(sys.argv[1])
journal, ledger = Journal(state / "journal", segment_bytes=50_000), Ledger(state / "ledger.db")
records = [pack(tick) for tick in ticks(100)]
began = datetime(2026, 11, 23, 4, tzinfo=UTC)
while True:
    journal.append(b"".join(records), len(records), 1)
    ledger.add_gap("kite", Gap(began, began + timedelta(minutes=1), ("network",)), [1])
    print(journal.next_seq - 1, flush=True)
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    state = tmp_path / "var"
    write_journal(state / "journal", 1000)
    cursor.save(state / "journal", "redis", 700)
    ledger = Ledger(state / "ledger.db")
    ledger.add_gap("kite", Gap(NOW, NOW, ("network",)), [1, 2])
    ledger.close()
    (state / "token.json").write_text('{"access_token": "t"}')
    (state / "calendar.d").mkdir()
    (state / "calendar.d" / "tonight.toml").write_text("# own")
    (state / "lock").write_text("4711")
    for day in ("2026-11-20", "2026-11-23"):
        (state / "ticks" / f"date={day}").mkdir(parents=True)
        (state / "ticks" / f"date={day}" / "1.parquet").write_bytes(b"PAR1")
    return state


def taken(state: Path, *, ticks: bool = False) -> bytes:
    out = io.BytesIO()
    write_backup(state, out, NOW, ticks=ticks)
    return out.getvalue()


def restored(archive: bytes, place: Path, *, force: bool = False) -> Path:
    place.mkdir(exist_ok=True)
    restore_backup(io.BytesIO(archive), place, NOW, force=force)
    return place


def numbers(state: Path) -> list[int]:
    reader = Reader(state / "journal", after=0)
    frames = reader.read(10**9)
    assert not reader.holes
    reader.close()
    return [seq for frame in frames for seq in range(frame.first_seq, frame.last_seq + 1)]


def test_journal_cursors_ledger_tokens_and_own_calendars_come_back(state: Path, tmp_path: Path) -> None:
    back = restored(taken(state), tmp_path / "back")
    assert numbers(back) == list(range(1, 1001))
    assert cursor.load(back / "journal", "redis") == 700
    with closing(Ledger(back / "ledger.db")) as ledger:
        assert [gap.instruments for gap in ledger.gaps()] == [(1, 2)]
    assert (back / "token.json").read_text() == '{"access_token": "t"}'
    assert (back / "token.json").stat().st_mode & 0o777 == 0o600
    assert (back / "calendar.d" / "tonight.toml").read_text() == "# own"


def test_recorded_days_come_along_only_when_asked_for(state: Path, tmp_path: Path) -> None:
    assert not (restored(taken(state), tmp_path / "without") / "ticks").exists()
    with_ticks = restored(taken(state, ticks=True), tmp_path / "with")
    assert len(list((with_ticks / "ticks").rglob("*.parquet"))) == 2


def test_what_belongs_to_a_running_daemon_stays_behind(state: Path, tmp_path: Path) -> None:
    assert not (restored(taken(state), tmp_path / "back") / "lock").exists()


def test_a_ledger_that_is_being_written_is_copied_with_what_is_not_yet_in_its_file(state: Path, tmp_path: Path) -> None:
    with closing(Ledger(state / "ledger.db")) as writing:
        writing.add_gap("kite", Gap(NOW, NOW, ("server",)), [3])
        back = restored(taken(state), tmp_path / "back")
    with closing(sqlite3.connect(back / "ledger.db")) as ledger:
        assert ledger.execute("SELECT count(*) FROM gaps").fetchone() == (2,)


def test_a_restored_ledger_has_no_open_runs_and_no_sessions_and_begins_nothing_that_may_have_run(
    state: Path, tmp_path: Path
) -> None:
    file, due = LedgerFile(state / "ledger.db"), NOW - timedelta(minutes=5)
    runs = Runs(file, now=lambda: due)
    for user in ("asha", "ravi"):
        run = runs.give(
            Claim(job="buy_orders", user=user, trigger=Trigger.SCHEDULE, due=due, by="schedule", lease=own_lease())
        )
        assert isinstance(run, Run)
        if user == "ravi":
            runs.start(run.id, own_lease())
    with file.write() as db:
        db.execute("INSERT INTO users VALUES ('asha', 'trader', 'scrypt', NULL, 1, 0, 'admin')")
        db.execute("INSERT INTO sessions VALUES ('digest', 'asha', 'csrf', 0, 0, '127.0.0.1')")
    archive = taken(state)
    runs.finish(1, Outcome.SUCCESS)  # and whatever else has happened since
    file.close()

    back = restored(archive, tmp_path / "back")
    assert sorted(path.name for path in back.glob("ledger.db*")) == ["ledger.db"]
    Ledger(back / "ledger.db").close()
    file = LedgerFile(back / "ledger.db")
    runs = Runs(file, now=lambda: NOW)
    assert runs.open() == []
    assert [(run.user, run.outcome, run.lease) for run in runs.history()] == [
        ("ravi", Outcome.FAILED, None),
        ("asha", Outcome.MISSED, None),
    ]
    lost = runs.give(
        Claim(job="buy_orders", user="asha", trigger=Trigger.SCHEDULE, due=NOW, by="schedule", lease=own_lease())
    )
    assert isinstance(lost, Refused)
    assert "a backup of the ledger was put back" in lost.reason
    later = NOW + timedelta(seconds=1)
    assert isinstance(
        runs.give(Claim(job="buy_orders", user="asha", trigger=Trigger.SCHEDULE, due=later, by="", lease=own_lease())),
        Run,
    )
    assert file.read("SELECT count(*) FROM users") == [(1,)]
    assert file.read("SELECT count(*) FROM sessions") == [(0,)]
    file.close()


def test_a_ledger_of_the_first_version_is_restored_as_it_was(tmp_path: Path) -> None:
    state = tmp_path / "var"
    state.mkdir()
    Ledger(state / "ledger.db", upgrades=UPGRADES[:1]).close()
    back = restored(taken(state), tmp_path / "back")
    with closing(Ledger(back / "ledger.db")) as ledger:
        assert ledger.gaps() == []


def test_a_ledger_that_cannot_be_settled_is_not_restored(state: Path, tmp_path: Path) -> None:
    def broken(name: str, data: bytes) -> tuple[str, bytes]:
        if name == "ledger.db":
            return name, b"no database" * 1000
        if name == MANIFEST:
            manifest = json.loads(data)
            told = {"bytes": 11_000, "sha256": hashlib.sha256(b"no database" * 1000).hexdigest()}
            return name, json.dumps(manifest | {"files": manifest["files"] | {"ledger.db": told}}).encode()
        return name, data

    place = tmp_path / "back"
    with pytest.raises(BackupError, match=r"ledger\.db of the backup: .*nothing was restored"):
        restored(rebuilt(taken(state), broken), place)
    assert list(place.iterdir()) == []


def test_a_segment_that_grows_meanwhile_is_kept_as_long_as_it_was(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = next((state / "journal").glob("*.seg"))

    def grow(self: tarfile.TarFile, member: tarfile.TarInfo, data: io.BytesIO | None = None) -> None:
        if member.name.endswith(".seg"):
            with segment.open("ab") as file:
                file.write(b"more")
        add(self, member, data)

    add = tarfile.TarFile.addfile
    monkeypatch.setattr(tarfile.TarFile, "addfile", grow)
    assert numbers(restored(taken(state), tmp_path / "back")) == list(range(1, 1001))


def test_what_goes_meanwhile_is_left_out(state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: Path, mode: str = "r") -> io.BufferedReader:
        if self.suffix == ".toml":
            raise FileNotFoundError(self)
        return opened(self, mode)  # type: ignore[return-value]

    opened = Path.open
    monkeypatch.setattr(Path, "open", gone)
    archive = taken(state)
    monkeypatch.undo()
    assert not (restored(archive, tmp_path / "back") / "calendar.d").exists()


def test_nothing_is_restored_over_something(state: Path) -> None:
    with pytest.raises(BackupError, match=r"not empty \(.*add --force"):
        restore_backup(io.BytesIO(taken(state)), state, NOW)


def test_force_moves_aside_what_is_there(state: Path) -> None:
    archive = taken(state)
    (state / "token.json").write_text("newer")
    restored(archive, state, force=True)
    assert (state / "token.json").read_text() == '{"access_token": "t"}'
    assert (state / "before-restore-20261123T110000" / "token.json").read_text() == "newer"


def failing(monkeypatch: pytest.MonkeyPatch, *, after: int, for_good: bool) -> None:
    """A disk that takes so many names and no more; for good, or once."""
    rename, count = Path.rename, 0

    def renames(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == after + 1 or (for_good and count > after):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", renames)


@pytest.mark.parametrize("after", [0, 2, 6])
def test_a_forced_restore_that_fails_half_way_leaves_what_was_there(
    state: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    archive = taken(state)
    (state / "token.json").write_text("newer")
    before = sorted(path.relative_to(state) for path in state.rglob("*"))
    failing(monkeypatch, after=after, for_good=False)
    with pytest.raises(BackupError, match="Input/output error; nothing was restored"):
        restored(archive, state, force=True)
    assert (state / "token.json").read_text() == "newer"
    assert sorted(path.relative_to(state) for path in state.rglob("*")) == before


def test_what_a_forced_restore_cannot_move_back_is_told_with_its_place(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = taken(state)
    (state / "token.json").write_text("newer")
    failing(monkeypatch, after=len(list(state.iterdir())), for_good=True)
    with pytest.raises(BackupError) as caught:
        restored(archive, state, force=True)
    aside = state / "before-restore-20261123T110000"
    assert (aside / "token.json").read_text() == "newer"
    told = str(caught.value)
    assert f"What was there before is in {aside}: {', '.join(sorted(path.name for path in aside.iterdir()))};" in told
    assert "nothing was restored" not in told


def cut(archive: bytes) -> bytes:
    return archive[: len(archive) // 2]


def without_manifest(archive: bytes) -> bytes:
    return rebuilt(archive, lambda name, data: None if name == MANIFEST else (name, data))


def of_the_future(archive: bytes) -> bytes:
    return rebuilt(
        archive,
        lambda name, data: (name, json.dumps(json.loads(data) | {"format": 2}).encode() if name == MANIFEST else data),
    )


def rotten(archive: bytes) -> bytes:
    return rebuilt(archive, lambda name, data: (name, data.replace(b'"t"', b'"u"') if name == "token.json" else data))


def climbing(archive: bytes) -> bytes:
    return rebuilt(archive, lambda name, data: ("../token.json" if name == "token.json" else name, data))


def rebuilt(archive: bytes, change: Callable[[str, bytes], tuple[str, bytes] | None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as source, tarfile.open(fileobj=out, mode="w") as target:
        for member in source:
            data = source.extractfile(member)
            assert data is not None
            changed = change(member.name, data.read())
            if changed is not None:
                made = tarfile.TarInfo(changed[0])
                made.size = len(changed[1])
                target.addfile(made, io.BytesIO(changed[1]))
    return out.getvalue()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (cut, "cannot be read"),
        (without_manifest, "ends before its manifest"),
        (of_the_future, "has format 2"),
        (rotten, "token.json is not what the backup's manifest says"),
        (climbing, "has no place in a backup"),
        (lambda _: b"not a tar file at all", "cannot be read"),
        (lambda _: b"", "cannot be read"),
    ],
)
def test_a_backup_that_is_not_whole_restores_nothing(
    state: Path, tmp_path: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    place = tmp_path / "back"
    with pytest.raises(BackupError, match=words):
        restored(damage(taken(state)), place)
    assert list(place.iterdir()) == []


def test_a_broken_ledger_is_named_and_no_backup_is_made(state: Path) -> None:
    (state / "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match=r"ledger\.db.*the backup was not made"):
        taken(state)


def test_after_a_kill_everything_that_was_recorded_can_be_backed_up_and_put_back(tmp_path: Path) -> None:
    state = tmp_path / "var"
    support = Path(__file__).parents[1] / "support"
    desk = subprocess.Popen([sys.executable, "-c", DESK, state, support], stdout=subprocess.PIPE, text=True)
    assert desk.stdout is not None
    said = [int(desk.stdout.readline()) for _ in range(20)]
    running = taken(state)  # while it writes
    said.append(int(desk.stdout.readline()))
    desk.send_signal(signal.SIGKILL)
    desk.communicate(timeout=20)

    back = restored(taken(state), tmp_path / "back")
    assert tail(back / "journal") >= said[-1]
    assert numbers(back) == list(range(1, tail(back / "journal") + 1))
    with closing(Ledger(back / "ledger.db")) as ledger:
        assert len(ledger.gaps(limit=10**6)) >= said[-1] // 100
    earlier = restored(running, tmp_path / "earlier")
    assert numbers(earlier)[: said[19]] == list(range(1, said[19] + 1))


@pytest.mark.parametrize("ticks", [False, True])
def test_what_is_sealed_is_told_by_the_files_that_come_back_and_by_no_cursor(
    state: Path, tmp_path: Path, *, ticks: bool
) -> None:
    cursor.save(state / "journal", "parquet", 900)
    back = restored(taken(state, ticks=ticks), tmp_path / "back")
    assert cursor.load(back / "journal", "parquet") is None
    assert cursor.load(back / "journal", "redis") == 700


def test_what_a_forced_restore_moved_aside_is_in_no_further_backup(state: Path, tmp_path: Path) -> None:
    restored(taken(state), state, force=True)
    assert (state / "before-restore-20261123T110000" / "journal").is_dir()
    back = restored(taken(state, ticks=True), tmp_path / "back")
    assert not list(back.glob("before-restore-*"))


@pytest.mark.parametrize("manifest", [[], {"format": 1}, {"format": 1, "files": []}])
def test_a_manifest_of_another_shape_is_a_sentence(tmp_path: Path, manifest: object) -> None:
    out, text = io.BytesIO(), json.dumps(manifest).encode()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(MANIFEST)
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    with pytest.raises(BackupError, match="manifest"):
        restored(out.getvalue(), tmp_path / "back")
