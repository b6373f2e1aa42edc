"""The daemon's side of the keepers: asking, reading, telling; two daemons at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kept import Yard, lives, until
from tradewarden.machines.kept import Exited, Gone, Started
from tradewarden.orchestrator.keepers import Keepers, KeepersError

FOREVER = "while :; do sleep .05; done"
ELEVEN = [f"service-{number}" for number in range(11)]


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with contextlib.closing(Yard(tmp_path)) as made:
        yield made


def another(yard: Yard, *, start_zygote: bool = True) -> Keepers:
    return Keepers(yard.keepers.run_dir, yard.keepers.log_dir, now=lambda: datetime.now(UTC), start_zygote=start_zygote)


async def test_two_daemons_that_ask_at_once_for_eleven_services_start_each_of_them_once(yard: Yard) -> None:
    marks = yard.root / "marks"
    marks.mkdir()
    first, second = yard.keepers, another(yard)
    specs = [yard.spec(name, "sh", "-c", f"echo $$ >>{marks}/{name}; {FOREVER}") for name in ELEVEN]
    async with asyncio.timeout(50), asyncio.TaskGroup() as group:
        for spec in specs:
            for daemon in (first, second):
                group.create_task(daemon.keep(spec), name=spec.name)
    assert all(first.held(name) and second.held(name) for name in ELEVEN)
    for name in ELEVEN:
        yard.running(name)
        until((marks / name).exists)
    assert [len((marks / name).read_text().split()) for name in ELEVEN] == [1] * 11
    assert [len(yard.all_of(name, Started)) for name in ELEVEN] == [1] * 11


async def test_a_daemon_that_comes_back_finds_all_as_it_is_and_hears_what_it_missed(yard: Yard) -> None:
    await yard.keepers.keep(yard.spec("kept", "sh", "-c", FOREVER))
    started = yard.running("kept")
    yard.keepers.remember("kept")
    os.kill(started.pid, 9)  # while no daemon looks
    until(lambda: len([each for each in another(yard).last("kept") if isinstance(each, Started)]) == 2)
    back = another(yard)
    assert back.names() == ["kept"]
    assert back.held("kept")
    missed = back.read("kept")
    assert [type(each) for each in missed] == [Exited, Started]
    assert isinstance(missed[0], Exited)
    assert missed[0].code == -9
    assert back.read("kept") == []
    assert back.last("kept")[-1] == missed[-1]


async def test_a_keeper_wakes_the_daemon_with_each_line(yard: Yard) -> None:
    await yard.keepers.keep(yard.spec("waking", "sh", "-c", FOREVER))
    assert select.select([yard.keepers.wake_fd], [], [], 20)[0]
    assert yard.keepers.woken() == {"waking"}
    assert yard.keepers.woken() == set()
    assert yard.keepers.command("waking", "stop 9 0")
    assert select.select([yard.keepers.wake_fd], [], [], 20)[0]
    assert yard.keepers.woken() == {"waking"}


async def test_nobody_is_told_anything_where_no_keeper_lives(yard: Yard) -> None:
    assert not yard.keepers.held("nobody")
    assert not yard.keepers.command("nobody", "start")
    os.mkfifo(yard.keepers.run_dir / "left.ctl")  # of a keeper that was killed
    assert not yard.keepers.command("left", "start")
    (yard.keepers.run_dir / "plain.ctl").write_text("")
    assert not yard.keepers.command("plain", "start")
    assert (yard.keepers.run_dir / "plain.ctl").read_text() == ""
    assert yard.keepers.read("nobody") == []
    assert yard.keepers.last("nobody") == ()
    assert yard.keepers.figures("nobody") is None
    assert yard.keepers.says("nobody") is None
    assert yard.keepers.host() is None


async def test_without_a_zygote_and_forbidden_to_start_one_a_daemon_says_what_to_do(yard: Yard) -> None:
    daemon = another(yard, start_zygote=False)
    assert not await daemon.reachable()
    with pytest.raises(KeepersError, match=r"nobody starts keepers in .*: run `tradewarden keepers`"):
        await daemon.keep(yard.spec("waiting", "true"))


async def test_a_zygotes_refusal_is_passed_on_in_its_words(yard: Yard) -> None:
    with pytest.raises(KeepersError, match=r"'no/name' is no name of a service"):
        await yard.keepers.keep(yard.spec("no/name", "true"))


def test_a_directory_has_one_daemon_and_the_second_is_told_which(yard: Yard) -> None:
    second = another(yard)
    with pytest.raises(KeepersError, match=rf"run: the daemon with pid {os.getpid()} looks after the programs here"):
        second.open()
    assert second.wake_fd == -1
    second.close()
    with pytest.raises(KeepersError, match=r"desk\.run_dir"):
        another(yard).open()  # what has failed has let go of nothing
    yard.keepers.close()
    second.open()
    second.close()


def test_a_directory_whose_daemon_was_killed_is_free(yard: Yard) -> None:
    yard.keepers.close()
    lock = str(yard.keepers.run_dir / ".daemon.lock")
    script = f"from tradewarden.feed.lock import held\nwith held({lock!r}):\n    print(1, flush=True)\n    input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(KeepersError, match=f"pid {other.pid}"):
            yard.keepers.open()
        other.kill()
        other.wait()
    yard.keepers.open()


def test_a_directory_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    keepers = Keepers(tmp_path / "file" / "run", tmp_path / "logs", now=lambda: datetime.now(UTC))
    with pytest.raises(KeepersError, match=r"file/run: nothing can be kept there: Not a directory; set desk.run_dir"):
        keepers.open()


async def test_a_zygote_that_cannot_begin_says_why(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    (tmp_path / "file").touch()
    keepers = Keepers(tmp_path / "file" / "run", tmp_path / "logs", now=lambda: datetime.now(UTC))
    with pytest.raises(KeepersError, match=r"file/run.*Not a directory"):
        await keepers.keep(yard.spec("never", "true"))
    yard.close()


async def test_the_secrets_of_a_service_are_written_nowhere(yard: Yard) -> None:
    secret = "s3cr3t-of-a-service"
    env = {"PATH": os.environ["PATH"], "TOKEN": secret}
    await yard.keepers.keep(yard.spec("discreet", "sh", "-c", f"echo up; {FOREVER}", env=env))
    yard.said("discreet", "up")
    files = [each for each in yard.root.rglob("*") if each.is_file()]
    assert len(files) > 5
    assert not [each for each in files if secret.encode() in each.read_bytes()]
    assert all(each.stat().st_mode & 0o077 == 0 for each in [*files, yard.keepers.run_dir, yard.keepers.log_dir])
    keeper = yard.running("discreet").keeper
    assert (
        secret.encode()
        not in Path(f"/proc/{keeper}/environ").read_bytes() + Path(f"/proc/{keeper}/cmdline").read_bytes()
    )


async def test_a_keeper_that_has_left_can_be_asked_for_again(yard: Yard) -> None:
    await yard.keepers.keep(yard.spec("again", "sh", "-c", FOREVER))
    first = yard.running("again")
    yard.stopped("again", "stop 9 0")
    yard.nth("again", Gone)
    await yard.keepers.keep(yard.spec("again", "sh", "-c", FOREVER, revision="r2"))
    second = yard.nth("again", Started, 2)
    assert (second.revision, second.life) == ("r2", 1)
    assert not lives(first.pid)
