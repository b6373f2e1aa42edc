"""The journal against a store, over a real file: what agrees, what does not, and what cannot be told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ticks import A_SECOND, OPENING, frames, write_journal
from tradewarden.feed import cursor
from tradewarden.feed.names import FILE, Names
from tradewarden.feed.sinks.sqlite import SqliteSink
from tradewarden.machines.audit import Audit, Stretch
from tradewarden.orchestrator.validate import Failure, Span, Verdict, validate
from tradewarden.orchestrator.validation import Validations, document, lines

BEGAN_NS = OPENING * 10**9
ALL = Span(BEGAN_NS, BEGAN_NS + 3600 * 10**9)
SOON = lambda: BEGAN_NS + 5 * 10**9  # noqa: E731 - the moment of the validation


@pytest.fixture
async def state(tmp_path: Path) -> Path:
    """Two thousand ticks in the journal and in SQLite."""
    made = write_journal(tmp_path / "journal", 2000, segment_bytes=100_000)
    sink = SqliteSink(path=tmp_path / "ticks.db", ticks=True, names=Names(tmp_path / FILE))
    await sink.open()
    await sink.write(made)
    await sink.close()
    return tmp_path


def changed(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state / "ticks.db")) as db:
        db.execute(statement)
        db.commit()


async def asked(state: Path, span: Span = ALL, *, ticks: bool = True) -> Verdict:
    return await validate({"sqlite": {"ticks": ticks, "path": None}}, state, span, SOON)


async def audit_of(state: Path, span: Span = ALL) -> Audit:
    (audit,) = (await asked(state, span)).stores
    assert isinstance(audit, Audit), audit
    return audit


async def test_a_store_that_has_it_all_agrees(state: Path) -> None:
    verdict = await asked(state)
    assert verdict.ok
    assert verdict.journal.records == 2000
    assert verdict.journal.rate == pytest.approx(A_SECOND, rel=0.1)
    assert (await audit_of(state)).compared == 2000


async def test_ticks_that_were_lost_in_the_store_are_named(state: Path) -> None:
    changed(state, "DELETE FROM ticks WHERE seq BETWEEN 17 AND 19 OR seq = 1500")
    audit = await audit_of(state)
    assert audit.missing == [Stretch(17, 19), Stretch(1500, 1500)]
    assert not (await asked(state)).ok


async def test_a_price_that_changed_on_the_way_is_named(state: Path) -> None:
    changed(state, "UPDATE ticks SET last_price = last_price + 1 WHERE seq = 40")
    assert (await audit_of(state)).different == [Stretch(40, 40)]


async def test_only_the_span_is_looked_at(state: Path) -> None:
    changed(state, "DELETE FROM ticks WHERE seq = 17")
    second = Span(BEGAN_NS + 10**9, BEGAN_NS + 2 * 10**9)
    verdict = await asked(state, second)
    assert verdict.ok
    assert (verdict.journal.first_seq, verdict.journal.last_seq) == (951, 1950)  # received 80 ms after the exchange


async def test_a_tick_on_its_way_is_waiting_and_after_ten_seconds_late(state: Path) -> None:
    changed(state, "UPDATE cursor SET seq = 1990")
    changed(state, "DELETE FROM ticks WHERE seq > 1990")
    audit = await audit_of(state)
    assert (audit.waiting, audit.late, audit.agrees) == (10, 0, True)
    later = await validate({"sqlite": {"ticks": True, "path": None}}, state, ALL, lambda: BEGAN_NS + 60 * 10**9)
    (audit_later,) = later.stores
    assert isinstance(audit_later, Audit)
    assert (audit_later.late, audit_later.agrees) == (10, False)


async def test_what_the_store_refused_for_good_is_excused(state: Path) -> None:
    changed(state, "DELETE FROM ticks WHERE seq = 17")
    aside = state / "journal" / "aside" / "sqlite.jsonl"
    aside.parent.mkdir()
    aside.write_text('{"seq": 17, "reason": "x"}\n{"seq": ')
    audit = await audit_of(state)
    assert (audit.set_aside, audit.agrees) == (1, True)


async def test_without_single_ticks_the_latest_quotes_are_compared(state: Path) -> None:
    verdict = await asked(state, ticks=False)
    assert verdict.ok
    (audit,) = verdict.stores
    assert isinstance(audit, Audit)
    with closing(sqlite3.connect(state / "ticks.db")) as db:
        assert audit.compared == db.execute("SELECT count(*) FROM quotes").fetchone()[0]
    changed(state, "UPDATE quotes SET last_price = 1 WHERE seq = (SELECT max(seq) FROM quotes)")
    (audit,) = (await asked(state, ticks=False)).stores
    assert isinstance(audit, Audit)
    assert audit.different == [Stretch(2000, 2000)]
    assert "no single ticks" in str(audit.note)


async def test_a_store_that_is_not_there_is_a_sentence_and_not_an_agreement(state: Path) -> None:
    (state / "ticks.db").unlink()
    verdict = await asked(state)
    assert not verdict.ok
    assert verdict.stores == (Failure("sqlite", f"{state / 'ticks.db'} is not there yet."),)


async def test_a_hole_in_the_journal_itself_is_told(state: Path) -> None:
    segments = sorted((state / "journal").glob("*.seg"))
    data = bytearray(segments[1].read_bytes())
    data[5000] ^= 0xFF
    segments[1].write_bytes(data)
    verdict = await asked(state)
    assert not verdict.ok
    (hole,) = verdict.journal.holes
    assert hole.reason.startswith(f"{segments[1].name} is damaged from byte ")


async def test_ticks_that_came_late_are_counted_with_the_latest_of_them(tmp_path: Path) -> None:
    made = frames(100)
    from tradewarden.feed.journal import Journal  # noqa: PLC0415 - this one writes by itself

    journal = Journal(tmp_path / "journal")
    for frame in made:
        journal.append(frame.records, frame.count, frame.received_ns + 30 * 10**9)
    journal.close()
    verdict = await validate({}, tmp_path, ALL, SOON)
    assert verdict.journal.late > 0
    assert verdict.journal.latest is not None
    assert verdict.journal.latest[1] == pytest.approx(30, abs=1)


async def test_a_person_reads_one_line_a_store(state: Path) -> None:
    changed(state, "DELETE FROM ticks WHERE seq BETWEEN 17 AND 19")
    told = list(lines(document(await asked(state), Names(state / FILE))))
    assert told[0].startswith("journal: 2,000 ticks (1 to 2000) of ")
    assert told[1] == "sqlite: DOES NOT AGREE, 2,000 compared; 3 missing (17 to 19)"


async def test_nothing_recorded_is_said_plainly(tmp_path: Path) -> None:
    verdict = await validate({}, tmp_path, ALL, SOON)
    assert list(lines(document(verdict, Names(tmp_path / FILE)))) == ["journal: nothing was recorded in this time"]


async def test_the_same_verdict_comes_from_a_process_of_its_own(state: Path) -> None:
    validations = Validations({"sqlite": {"ticks": True, "path": state / "ticks.db"}}, state)
    told = await validations.verdict(["sqlite"], ALL)
    assert told["stores"][0]["compared"] == 2000
    assert told["stores"][0]["agrees"]


async def test_a_sink_that_never_ran_is_compared_by_its_own_position(state: Path) -> None:
    cursor.save(state / "journal", "sqlite", 5)  # what counts is what the store itself says
    assert (await audit_of(state)).compared == 2000
