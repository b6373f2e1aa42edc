"""What a door answers in every state of the desk, held against its model: neither may change without the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from jobs_shown import ORDERS, Ahead, a_job
from pictures import (
    BLOCKED,
    CLOSED,
    REQUIRED,
    a_feed,
    a_market,
    a_picture,
    a_segment,
    all_well,
    an_account,
    an_auth,
    asks_for_a_login,
    at,
    lost,
    weekend,
)
from programs import CRASHED, a_desk, a_service
from promised import odd
from stores_shown import LATE, a_sink, recording
from tradewarden.feed.names import Names
from tradewarden.feed.segment import Hole
from tradewarden.http import desk, documents, gaps, instruments, runs, schedules, services, sinks
from tradewarden.machines.audit import Audit, Stretch
from tradewarden.machines.gap import Gap
from tradewarden.machines.instruments import Chosen, Instrument, Options, Pick
from tradewarden.machines.job_report import EditAnswer, Statistics
from tradewarden.machines.report import AgreementReport, DeliveryReport, DumpReport, JournalReport, Picture
from tradewarden.machines.run import Lease, Outcome, Run, Trigger
from tradewarden.machines.service import Difference
from tradewarden.orchestrator.freshness import SilentReport
from tradewarden.orchestrator.instruments import InstrumentsReport
from tradewarden.orchestrator.ledger import RecordedGap
from tradewarden.orchestrator.query import Answer
from tradewarden.orchestrator.validate import Failure, Recorded, Verdict
from tradewarden.orchestrator.validation import document as verdict_document

FAILED = JournalReport(
    state="failed", reason="no space left on device", since=at("09:30:00"), lost_total=7, too_much=True, unread_total=1
)
PICTURES = {
    "all well": all_well(),
    "login": asks_for_a_login(),
    "weekend": weekend(),
    "lost": lost(),
    "stopping": all_well(stopping=True),
    "stale": documents.stale(all_well(), at("10:00:00"), 9.0),
    "accounts": a_picture(auth=an_auth(**REQUIRED), feed=a_feed(**BLOCKED), accounts=(an_account(),)),
    "doubts": a_picture(
        feed=a_feed(silent=3, doubts_total={"price": 2}, doubted_at={"price": at("09:19:00")}, retry_at=at("09:21:00"))
    ),
    "segments": a_picture(market=a_market(a_segment(problem="it ends soon"), a_segment("NFO", **CLOSED))),
    "recording": recording(a_sink(), a_sink("redis", **LATE)),
    "journal": a_picture(journal=FAILED),
    "everything": a_picture(
        desk=a_desk(a_service(), a_service("writer", **CRASHED)),
        alerts=DeliveryReport(ways=("webhook",), failing={"webhook": at("09:10:00")}),
        instruments=DumpReport(day=None, fetched_at=None, wanted=date(2026, 1, 5), is_fresh=False, trouble="timeout"),
        agreement=AgreementReport(at=at("09:00:00"), agrees=False, said=("redis lacks 3",)),
    ),
}
MODELS = {
    "health": "Health",
    "market": "MarketHealth",
    "auth": "AuthHealth",
    "feed": "FeedHealth",
    "summary": "Summary",
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
@pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)
def test_the_health_answer(picture: Picture, name: str, *, private: bool) -> None:
    source = documents.Source(picture, private=private, version="0.1.0", time=picture.now, ticks=7)
    _, told = documents.DOCUMENTS[name](source)
    assert odd(MODELS[name], told) == []


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_the_stores(*, private: bool) -> None:
    told = sinks.document(recording(a_sink(), a_sink("redis", **LATE)), private=private)
    assert odd("Sinks", told) == []


def test_the_programs() -> None:
    report = a_desk(a_service(), a_service("writer", **CRASHED), a_service("chart", says="x", figures={"rows": 7.5}))
    assert odd("ServicesTold", services.document(report, at("10:02:10"))) == []
    assert odd("ServicesTold", services.document(replace(report, host=None, phase=1), at("10:02:10"))) == []


def test_a_changed_file() -> None:
    difference = Difference(added=("a",), restarted={"b": ("command",)}, kept={"c": ("tier",)}, problems=("no",))
    assert odd("DifferenceTold", desk.difference_document(difference)) == []


def test_the_gaps() -> None:
    gap = Gap(at("09:20:00"), at("09:21:00"), ("network",))
    assert odd("GapTold", gaps._told(RecordedGap(1, "kite", gap, (408065,)), is_known=True)) == []
    assert odd("GapTold", gaps._told(RecordedGap(1, "kite", gap, ()), is_known=False)) == []
    assert odd("OpenGap", gaps._open(gap)) == []


def test_the_instruments() -> None:
    option = Instrument(1, "NFO", "NIFTY26JAN25000CE", "NIFTY", "CE", date(2026, 1, 29), 25000.0)
    rule = Options("nifty", "quote", "NFO", "NIFTY", "monthly", 20)
    pick = Pick(
        rule, (option,), "waits", waiting=True, spot=option, price=25012.5, centre=25000.0, expiry=option.expiry
    )
    report = InstrumentsReport(
        now=at("09:20:00"),
        dump=None,
        dump_wanted=date(2026, 1, 5),
        trouble="timeout",
        picks=(pick,),
        chosen={1: Chosen(option, "quote", ("nifty",))},
        fetching=True,
    )
    silent = SilentReport(1, at("09:19:00"), 30.0, "liquid", 1, is_first=False)
    told = instruments.document(report, [silent], {1: ("liquid", 30.0)})
    assert odd("StreamedInstruments", told) == []
    assert told["rules"][0]["waiting"] is True


RUN = Run(
    id=7, job=ORDERS, user="asha", trigger=Trigger.SCHEDULE, due=at("16:05:00"), by="schedule", outcome=Outcome.QUEUED
)
RUNS = [
    RUN,
    replace(
        RUN, outcome=Outcome.RUNNING, started=at("16:05:01"), claimed=at("16:05:00"), lease=Lease(4711, 99, "boot")
    ),
    replace(
        RUN, outcome=Outcome.FAILED, started=at("16:05:01"), ended=at("16:05:09"), code=-9, details={"orders": [1]}
    ),
    replace(RUN, outcome=Outcome.SKIPPED, trigger=Trigger.ONCE, reason="it runs already", until=at("18:00:00")),
]


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.outcome)
def test_a_run(run: Run) -> None:
    assert odd("RunTold", runs.run_document(run)) == []


def test_a_job() -> None:
    counted = Statistics(since=at("09:00:00"), outcomes={Outcome.SUCCESS: 3}, success_rate=0.75, seconds_p50=1.5)
    for job in (
        a_job(),
        a_job(running=RUNS[1], last=RUNS[2], notice="tomorrow", problem="no zone"),
    ):
        assert odd("JobsTold", schedules.document([job], "2026-01-05T10:00:00+05:30")) == []
    assert odd("StatisticsTold", runs.statistics_document(counted)) == []
    assert odd("ComingTold", schedules.coming_document(Ahead(ORDERS, at("16:05:00"), reason="a holiday"))) == []
    edit = EditAnswer(text="at 16:10", holds="next start", would=(at("16:10:00"),))
    assert odd("EditTold", schedules.edit_document(edit, dry=True)) == []


def test_a_comparison_of_stores(tmp_path: Path) -> None:
    audit = Audit("redis", compared=7, missing=[Stretch(1, 3)], note="no depth")
    recorded = Recorded(1, 9, 9, 10**18, 10**18 + 10**9, 1, 1, (408065, 6.5), {408065: 9}, [Hole(4, 5, "lost")])
    for verdict in (Verdict(recorded, (audit, Failure("mysql", "away"))), Verdict(Recorded(), ())):
        assert odd("Comparison", verdict_document(verdict, Names(tmp_path / "names"))) == []


def test_an_answer_in_rows() -> None:
    columns = [{"name": "at", "type": "TIMESTAMP"}]
    answer = Answer(columns=columns, rows=[["x", None, 7]], truncated=False, last_seq=7, missing=0, seconds=0.5)
    assert odd("Rows", answer.document()) == []


def test_a_member_too_many_or_too_few_and_a_wrong_kind_are_seen() -> None:
    told = runs.run_document(RUN)
    assert odd("RunTold", told | {"secret": 1})
    assert odd("RunTold", told | {"due": "yesterday"})
    assert odd("RunTold", {key: value for key, value in told.items() if key != "by"})
