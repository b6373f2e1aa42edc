"""`tradewarden check` tells which job is next, and which schedules are wrong although they can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from schedules import BOOK, at
from tradewarden.check_command import Finding, Grade, about_desk
from tradewarden.check_jobs import about_jobs
from tradewarden.check_people import about_people
from tradewarden.machines.role import Role
from tradewarden.orchestrator.ledger import Ledger
from tradewarden.orchestrator.membership import Membership
from tradewarden.settings import load
from tradewarden.settings_sources import ConfigError


def found(tmp_path: Path, *schedules: str, more: str = "") -> list[Finding]:
    """What is found of jobs with these schedules, on a Friday afternoon."""
    path = tmp_path / "tradewarden.toml"
    path.write_text(
        "".join(f'[services.j{n}]\ncommand = "true"\nschedule = {s}\n' for n, s in enumerate(schedules)) + more
    )
    settings = load(path)
    return [*about_desk(settings), *about_jobs(settings, BOOK.calendar, at("2026-11-20 16:30"))]


@pytest.mark.parametrize(
    ("schedules", "told"),
    [
        (['"at 16:00"'], "1 job; next is j0, Mon 2026-11-23 16:00."),
        (['"at 16:00"', '["at 09:00", "at 18:00"]'], "2 jobs; next is j1, Fri 2026-11-20 18:00."),
        (['"at 16:00 on tue of NSE_EQ"'], "1 job; next is j0, Tue 2026-11-24 16:00."),
        (['"always"'], "1 job; none has a time of its own."),
    ],
)
def test_the_next_run_is_told(tmp_path: Path, schedules: list[str], told: str) -> None:
    assert found(tmp_path, *schedules) == [Finding(Grade.GOOD, told)]


def test_a_desk_without_jobs_needs_no_explanation(tmp_path: Path) -> None:
    assert found(tmp_path) == []


def test_a_schedule_that_never_comes_or_collides_is_a_warning(tmp_path: Path) -> None:
    first, second, last = found(tmp_path, '"once 2026-11-20 10:00"', '["at 18:00", "cron 0 18 * * *"]')
    assert first == Finding(Grade.WARNING, 'services.j0.schedule: "once 2026-11-20 10:00" never runs: that is past.')
    assert second.text == (
        'services.j1.schedule: "at 18:00" overlaps with "cron 0 18 * * *": both come at 2026-11-20 18:00.'
    )
    assert last.text == "2 jobs; next is j1, Fri 2026-11-20 18:00."


def test_what_is_disabled_is_counted_and_not_looked_at(tmp_path: Path) -> None:
    more = "enabled = false\n"
    assert found(tmp_path, '"at 18:00"', '"once 2026-11-20 10:00"', more=more) == [
        Finding(Grade.GOOD, "1 job; next is j0, Fri 2026-11-20 18:00. 1 is disabled.")
    ]


def test_a_condition_that_never_holds_and_a_script_that_is_not_there_are_faults_of_a_job_too(tmp_path: Path) -> None:
    more = 'conditions = ["market.MCX in (live)"]\n[services.b]\ncommand = "python3 away.py"\nschedule = "at 09:00"\n'
    texts = [each.text for each in found(tmp_path, '"at 18:00"', more=more) if each.grade is Grade.FAULT]
    assert texts[0].startswith(
        "services.j0 would wait for ever for `market.MCX in (live)`: this desk does not follow MCX"
    )
    assert texts[1].startswith("services.b.command runs 'away.py', but there is no file ")


def test_what_breaks_the_limits_of_the_desk_is_a_warning(tmp_path: Path) -> None:
    limits = '[jobs]\nearliest = "09:00"\nlatest = "18:00"\nminute = 30\n'
    assert [
        each.text for each in found(tmp_path, '"at 18:00:59"', '"hourly at :30 between 09:00 and 18:00"', more=limits)
    ] == ["2 jobs; next is j1, Fri 2026-11-20 17:30."]
    wrong = found(tmp_path, '["at 08:59", "at 18:01"]', '"hourly at :15 between 10:00 and 15:00"', more=limits)
    assert [each.text for each in wrong[:3]] == [
        'services.j0.schedule: "at 08:59" begins at 08:59; allowed is 09:00 to 18:00.',
        'services.j0.schedule: "at 18:01" begins at 18:01; allowed is 09:00 to 18:00.',
        'services.j1.schedule: "hourly at :15 between 10:00 and 15:00" comes at :15; allowed is :30.',
    ]


def test_limits_that_leave_no_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has earliest = '18:00' behind latest = '09:00'; swap them"):
        found(tmp_path, '"at 10:00"', more='[jobs]\nearliest = "18:00"\nlatest = "09:00"\n')


def test_an_alert_that_reaches_nobody_is_a_warning(tmp_path: Path) -> None:
    more = 'misfire = "alert"\n[services.b]\ncommand = "true"\nschedule = "at 19:00"\nmisfire = "alert"\n'
    first, last = found(tmp_path, '"at 18:00"', more=more)
    assert first == Finding(
        Grade.WARNING,
        'services.j0, services.b: misfire = "alert", but [alerts] names no way to tell anybody: '
        "set a webhook, Telegram or e-mail there.",
    )
    assert last.grade is Grade.GOOD


@pytest.mark.parametrize(
    "way",
    [
        'webhook_url = "https://chat.example/x"',
        'telegram_bot_token = "t"\ntelegram_chat_id = "1"',
        'smtp_host = "mail.example"\nemail_from = "a@b"\nemail_to = ["c@d"]',
    ],
)
def test_one_way_to_tell_people_is_enough(tmp_path: Path, way: str) -> None:
    assert len(found(tmp_path, '"at 18:00"', more=f'misfire = "alert"\n[alerts]\n{way}\n')) == 1


@pytest.mark.parametrize(
    ("schedule", "condition", "in_vain"),
    [
        ("at 16:30", "market in (live)", True),
        ("at 16:30", "market in (live, closed)", False),
        ("at 16:30", "market in (halted)", False),  # no calendar tells that
        ("at 08:00", "market in (live)", True),  # its time is over at 09:00, the desk's next day
        ("at 09:05", "market in (live)", False),  # it waits for ten minutes
        ("at 10:00", "market.NSE_EQ in (live)", False),
        ("between 20:00 and 22:00", "market in (live)", True),
        ("every 5m between 09:15 and 15:30", "market in (live)", False),
        ("at 10:00 on all days", "market in (live)", False),  # not on a Sunday, but on the days after
        ("at 10:00 on sun", "market in (live)", True),
        ("always", "market in (live)", False),
        ("at 16:30", "auth valid", False),
    ],
)
def test_a_due_time_that_waits_in_vain_for_the_market_is_a_warning(
    tmp_path: Path, schedule: str, condition: str, *, in_vain: bool
) -> None:
    told = [
        each.text
        for each in found(tmp_path, f'"{schedule}"', more=f'conditions = ["{condition}"]\n')
        if each.grade is not Grade.GOOD
    ]
    sentence = (
        f'services.j0: `{condition}` holds at none of the next due times of "{schedule}", '
        "nor until their time is over: each will be missed."
    )
    assert told == ([sentence] if in_vain else [])


def test_a_table_of_somebody_whom_nobody_knows_is_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "tradewarden.toml"
    path.write_text('state_dir = "var"\n[people.asha]\n[people.zed]\n[people.ravi]\n')
    (tmp_path / "var").mkdir()
    settings = load(path)
    assert list(about_people(settings)) == []  # nobody has started the desk yet
    ledger = tmp_path / "var" / "ledger.db"
    Ledger(ledger).close()
    members = Membership(ledger, now=lambda: at("2026-11-20 16:30"))
    members.people.add("asha", Role.TRADER, by="test")
    members.people.add("ravi", Role.VIEWER, by="test")
    members.close()
    assert [each.text for each in about_people(settings)] == [
        "people.zed: nobody is called zed here: `tradewarden user add zed --role trader`, or correct the name.",
        "people.ravi: only traders have jobs of their own, and ravi has the role viewer.",
    ]
    ledger.write_bytes(b"no ledger")
    assert list(about_people(settings)) == []
