"""POST /api/backup: the backup for an admin, nothing for anybody else."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest

from pictures import serving
from tradewarden.http.backup import Backups
from tradewarden.orchestrator.backup import restore_backup
from tradewarden.orchestrator.clock import SystemClock


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


ADMIN = {"Authorization": "Bearer desktestadmin"}


async def asked(state: Path, query: str = "", headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """A server with this part, asked once."""
    async with (
        serving(parts=[Backups(state, SystemClock())], admin_token="desktestadmin") as desk,
        aiohttp.ClientSession(desk.url) as client,
        client.post(f"/api/backup{query}", headers=headers) as answer,
    ):
        return answer.status, await answer.read()


async def test_an_admin_gets_a_backup_that_can_be_put_back(tmp_path: Path) -> None:
    state, back = tmp_path / "var", tmp_path / "back"
    state.mkdir()
    back.mkdir()
    (state / "token.json").write_text("{}")
    (state / "ticks").mkdir()
    (state / "ticks" / "1.parquet").write_bytes(bytes(1 << 20))

    status, body = await asked(state, headers=ADMIN)
    assert status == 200
    assert restore_backup(io.BytesIO(body), back, SystemClock().now()).files == 1
    assert (back / "token.json").read_text() == "{}"
    assert sorted(path.name for path in state.iterdir()) == ["ticks", "token.json"]

    status, body = await asked(state, "?ticks=true", headers=ADMIN)
    assert status == 200
    assert len(body) > 1 << 20


async def test_nobody_else_gets_one(tmp_path: Path) -> None:
    for headers, expected in ((None, 401), ({"Authorization": "Bearer wrong"}, 403)):
        status, body = await asked(tmp_path, headers=headers)
        assert status == expected
        assert b"ustar" not in body


async def test_a_wrong_question_is_told(tmp_path: Path) -> None:
    status, body = await asked(tmp_path, "?ticks=perhaps", headers=ADMIN)
    assert status == 422
    assert b"true or false" in body


async def test_a_backup_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database" * 1000)
    status, body = await asked(tmp_path, headers=ADMIN)
    assert status == 507
    assert b"ledger.db" in body


async def test_a_backup_that_would_take_the_journal_its_disk_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies beside the journal while it is sent: a full disk costs ticks."""
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "00000000000000000001.seg").write_bytes(bytes(3 << 20))
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(100 << 20, 93 << 20, 7 << 20))
    status, body = await asked(tmp_path, headers=ADMIN)
    assert status == 507
    assert b"tradewarden backup" in body
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(100 << 20, 85 << 20, 15 << 20))
    assert (await asked(tmp_path, headers=ADMIN))[0] == 200
