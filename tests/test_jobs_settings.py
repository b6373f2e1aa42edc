"""The tables of the desk's jobs and of its traders: what they may say, and how every fault of them is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tradewarden.machines.job import Does, Trader, kept_as
from tradewarden.machines.run import Misfire
from tradewarden.machines.service import Again, Place, Reference
from tradewarden.settings import Settings, load
from tradewarden.settings_apart import pack
from tradewarden.settings_programs import secrets_of
from tradewarden.settings_sources import ConfigError

Write = Callable[[str], Settings]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def read(text: str) -> Settings:
        file = tmp_path / "tradewarden.toml"
        file.write_text(text)
        file.chmod(0o600)
        return load(file, known_segments=["NSE_EQ", "NFO"])

    return read


def test_a_service_with_a_schedule_is_a_job_and_no_program(write: Write) -> None:
    settings = write("""
        [services.feed]
        command = "sleep 10"
        [services.analysis]
        command = "true"
        schedule = "at 16:00"
        needs = ["feed"]
        [services.buy]
        command = "true"
        schedule = ["after analysis succeeded", "at 16:05 on all days"]
        per_user = true
        misfire = "alert"
        timeout = 60
        [services.monitor]
        command = "true"
        kind = "job"
        does = "monitor"
        edits = "now"
        [jobs]
        segment = "NFO"
        edits = "next start"
    """)
    assert [each.name for each in settings.programs] == ["feed"]
    analysis, buy, monitor = settings.scheduled
    assert (analysis.needs, analysis.does, analysis.restarts.when) == (("feed",), Does.ORDERS, Again.NEVER)
    assert (analysis.edits, monitor.edits) == ("next start", "now")
    assert [each.text for each in buy.schedules] == ["after analysis succeeded", "at 16:05 on all days"]
    assert (buy.per_user, buy.misfire, buy.timeout) == (True, Misfire.ALERT, 60)
    assert (monitor.schedules, monitor.restarts.when) == ((), Again.FAILURE)
    assert {each.segment for each in buy.schedules} == {"NFO"}
    assert pack(settings.scheduled)


def test_a_trader_has_an_account_and_variables_and_secrets_of_the_own(write: Write) -> None:
    text = """
        [services.buy]
        command = "true"
        schedule = "at 16:05"
        per_user = true
        environment = {KEY = {secret = "key"}}
        [people.asha]
        account = "kite"
        environment = {SIZE = 3}
    """
    settings = write(text)
    assert settings.traders == {"asha": Trader(name="asha", account="kite", environment={"SIZE": "3"})}
    assert settings.scheduled[0].environment == {"KEY": Reference(Place.SECRET, "key")}
    told = {"services": {"a": {"environment": {"K": {"secret": "key"}}}}, "people": {"asha": {}}}
    assert secrets_of(told) == {"key", "asha.key"}


def test_a_name_of_an_instance_says_whose_it_is() -> None:
    assert (kept_as("buy", ""), kept_as("buy", "asha")) == ("buy", "buy@asha")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            'schedule = ""',
            """services.job.schedule = '': allowed is text such as "at 16:00", or a list of such texts.""",
        ),
        ("schedule = 16", 'services.job.schedule = 16: allowed is text such as "at 16:00", or a list of such texts.'),
        ('schedule = ["at 16:00", " "]', 'services.job.schedule: allowed is text such as "at 16:00", or a list'),
        ("schedule = [16.5]", 'services.job.schedule: allowed is text such as "at 16:00", or a list of such texts.'),
        ('schedule = "at 25:00"', "25:00 is no time of day"),
        ('schedule = "at 16:00 on trading days of MCX"', "unknown segment MCX"),
        ('schedule = "at 16:00 in Mars/Base"', "unknown time zone 'Mars/Base'"),
        ('schedule = "now and then"', "'now and then' is no schedule"),
        ('schedule = "after nobody succeeded"', "job runs after nobody, which is no job"),
        ('schedule = "after job ended"', "waits for itself"),
        ('schedule = "at 16:00"\nneeds = ["nobody"]', "'nobody' is not defined; known: feed"),
        ('schedule = "at 16:00"\nneeds = ["job"]', "'job' is a job, which is never up"),
        ('schedule = "at 16:00"\nconditions = ["rain"]', "'rain' is no condition"),
        ('schedule = "at 16:00"\nports = [1]', "is a job and has ports"),
        ('schedule = "at 16:00"\nready = {port = 1}', "is a job and has ready"),
        ('schedule = "at 16:00"\nkind = "step"', 'has schedule; allowed is that with kind = "job" only'),
        ("per_user = true", 'has per_user; allowed is that with kind = "job" only'),
        ('kind = "job"\ncommand = "no-such-program"', "which is in no directory of PATH"),
        ('schedule = "at 16:00"\n[people.Asha]', "allowed is a name of up to 32 small letters"),
        ('schedule = "at 16:00"\n[people.asha]\naccount = "none"', "people.asha.account = 'none' is no account"),
    ],
)
def test_a_fault_is_told_with_its_place(write: Write, table: str, sentence: str) -> None:
    command = "" if "command" in table else 'command = "true"\n'
    with pytest.raises(ConfigError) as caught:
        write(f'[services.feed]\ncommand = "sleep 9"\n[services.job]\n{command}{table}')
    assert sentence in str(caught.value)
