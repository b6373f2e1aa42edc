import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from tradewarden import settings as module
from tradewarden.feed.tick import Mode
from tradewarden.orchestrator.statedir import token_file
from tradewarden.settings import ConfigError, KiteSettings, Settings, load
from tradewarden.settings_problems import _leaves

SEGMENTS = ("NSE_EQ", "NFO", "MCX")
CANARY = "CANARYcanary0123"
EXAMPLE = Path(__file__).parents[1] / "deploy" / "tradewarden.toml"


@pytest.fixture(autouse=True)
def _bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of ours, no file where the desk looks for one."""
    for name in list(os.environ):
        if name.startswith("TRADEWARDEN_") or name in ("CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "FILES", (Path("tradewarden.toml"), tmp_path / "etc" / "tradewarden.toml"))


def toml(text: str, name: str = "desk.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def problems(text: str = "") -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(toml(text), known_segments=SEGMENTS)
    return caught.value.problems


def credentials(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))


# What holds


def test_a_desk_without_any_configuration_has_the_defaults_of_the_documents() -> None:
    settings = load(known_segments=SEGMENTS)
    assert settings.segments == ["NSE_EQ", "NFO"]
    assert settings.kite.rest_url == "https://api.kite.trade"
    assert settings.kite.ticker_url == "wss://ws.kite.trade"
    assert settings.kite.login_url == "https://kite.zerodha.com/connect/login"
    assert settings.kite.probe_hours == ["06:00", "07:35", "08:15"]
    assert (settings.http.host, settings.http.port, settings.http.health_fail_code) == ("127.0.0.1", 8700, 503)
    assert settings.http.public_url == "http://127.0.0.1:8700"
    assert settings.feed.lead_minutes == 20
    assert settings.log.level == "info"
    assert token_file(settings.state_dir) == Path("var/token.json")


def test_the_shipped_example_says_what_holds_anyway() -> None:
    beside = {"feed", "state_dir"}  # the state lies beside the file
    assert load(EXAMPLE).model_dump(exclude=beside) == load().model_dump(exclude=beside)
    assert load(EXAMPLE).feed.subscriptions() == {}


def test_the_shipped_example_loads_with_every_line_in_force() -> None:
    text = re.sub(r"(?m)^# ([a-z_]+ = )", r"\1", EXAMPLE.read_text())
    settings = load(toml(text), known_segments=SEGMENTS)
    assert settings.kite.user_id == "AB1234"
    assert settings.http.public_url == "https://desk.example"


def test_the_shipped_example_names_every_setting() -> None:
    text = EXAMPLE.read_text()
    for leaf in _leaves(Settings):
        assert re.search(rf"(?m)^(# )?{leaf.split('__')[-1]} = |^(#   )?\[{leaf.replace('__', '.')}[\].]", text), leaf


def test_the_environment_outranks_credentials_and_credentials_outrank_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = toml('[kite]\nuser_id = "FILE"\napi_key = "file"\napi_secret = "file"\n[http]\nport = 1\n')
    credentials(tmp_path / "c", monkeypatch, kite__api_key="credential\n", kite__api_secret=" credential\n")
    monkeypatch.setenv("TRADEWARDEN_KITE__API_KEY", "environment")
    kite = load(path).kite
    assert (kite.user_id, kite.api_key) == ("FILE", "environment")
    assert kite.api_secret == SecretStr("credential")


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("TRADEWARDEN_HTTP__PORT", "9000", lambda s: s.http.port == 9000),
        ("TRADEWARDEN_SEGMENTS", '["MCX"]', lambda s: s.segments == ["MCX"]),
        (
            "TRADEWARDEN_FEED__INSTRUMENTS__FULL",
            "[5, 6]",
            lambda s: s.feed.subscriptions() == dict.fromkeys([5, 6], Mode.FULL),
        ),
        ("TRADEWARDEN_FEED__INSTRUMENTS", '{"ltp": [7]}', lambda s: s.feed.subscriptions() == {7: Mode.LTP}),
        ("TRADEWARDEN_KITE", '{"user_id": "AB1234"}', lambda s: s.kite.user_id == "AB1234"),
        ("TRADEWARDEN_KITE__TOKEN_FILES", '["/srv/bot/.env"]', lambda s: s.kite.token_files == [Path("/srv/bot/.env")]),
        ("TRADEWARDEN_STATE_DIR", "/srv/state", lambda s: s.state_dir == Path("/srv/state")),
        ("TRADEWARDEN_KITE__USER_ID", "", lambda s: s.kite.user_id is None),
        ("TRADEWARDEN_BOOT_ID", "0815", lambda _: True),
        ("TRADEWARDEN_KEEPER", "/run/tradewarden-keepers/to-redis", lambda _: True),
        ("TRADEWARDEN_SERVICE", "to-redis", lambda _: True),
        ("TRADEWARDEN_STATUS_FILE", "/run/tradewarden-keepers/to-redis.says", lambda _: True),
        ("TRADEWARDEN_ACCOUNT", "family", lambda _: True),
        ("TRADEWARDEN_CONTROL", "/srv/state/control", lambda _: True),
        ("TRADEWARDEN_DUE", "2026-11-20T16:00:00+00:00", lambda _: True),
        ("TRADEWARDEN_JOB", "buy_orders", lambda _: True),
        ("TRADEWARDEN_RESULT_FILE", "/run/tradewarden-keepers/buy_orders.7.result", lambda _: True),
        ("TRADEWARDEN_RUN", "7", lambda _: True),
        ("TRADEWARDEN_USER", "asha", lambda _: True),
    ],
)
def test_every_setting_has_a_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, found: Any) -> None:
    monkeypatch.setenv(name, value)
    assert found(load(known_segments=SEGMENTS))


def test_the_file_is_looked_for_here_and_then_in_etc() -> None:
    toml("[http]\nport = 2\n", "etc/tradewarden.toml")
    assert load().http.port == 2
    toml("[http]\nport = 1\n", "tradewarden.toml")
    assert load().http.port == 1
    assert load(toml("[http]\nport = 3\n")).http.port == 3


def test_state_lies_where_systemd_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/tradewarden:/var/lib/other")
    assert token_file(load().state_dir) == Path("/var/lib/tradewarden/token.json")


@pytest.mark.parametrize("text", ["", 'state_dir = "var"'])
def test_state_lies_beside_the_file_wherever_a_command_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    toml(text, "desk/tradewarden.toml")
    for here, named in ((tmp_path, "desk/tradewarden.toml"), (tmp_path / "desk", None)):
        monkeypatch.chdir(here)
        settings = load(Path(named) if named else None)
        assert settings.state_dir.absolute() == tmp_path / "desk" / "var"
        assert settings.run_dir == tmp_path / "desk" / "var" / "keepers"


def test_the_keepers_and_logs_of_a_file_lie_beside_it_too(tmp_path: Path) -> None:
    settings = load(toml('[desk]\nrun_dir = "keepers"\nlog_dir = "logs"\n', "desk/tradewarden.toml"))
    assert (settings.run_dir, settings.log_dir) == (tmp_path / "desk" / "keepers", tmp_path / "desk" / "logs")


def test_systemd_and_the_shell_say_where_state_lies_whatever_the_file_lies_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = toml("", "desk/tradewarden.toml")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/tradewarden")
    assert load(bare).state_dir == Path("/var/lib/tradewarden")
    monkeypatch.setenv("TRADEWARDEN_STATE_DIR", "here")
    assert load(bare).state_dir == Path("here")


def test_a_home_directory_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/trader")
    assert load(toml('[kite]\ntoken_files = ["~/bot/.env"]')).kite.token_files == [Path("/home/trader/bot/.env")]


def test_the_desk_is_reached_at_its_own_port_unless_told_otherwise() -> None:
    assert load(toml("[http]\nport = 9000\n")).http.public_url == "http://127.0.0.1:9000"
    assert load(toml('[http]\nhost = "::1"\n')).http.public_url == "http://[::1]:8700"
    assert load(toml('[http]\npublic_url = "https://desk.example/"\n')).http.public_url == "https://desk.example"


def test_instruments_come_with_their_mode() -> None:
    feed = load(toml("[feed.instruments]\nfull = [1]\nquote = [2, 3]\nltp = []\n")).feed
    assert feed.subscriptions() == {1: Mode.FULL, 2: Mode.QUOTE, 3: Mode.QUOTE}


def test_three_thousand_instruments_are_one_connection() -> None:
    text = f"[feed.instruments]\nfull = {list(range(1, 2001))}\nltp = {list(range(2001, 3001))}\n"
    assert len(load(toml(text)).feed.subscriptions()) == 3000
    assert problems(text.replace("ltp = [", "ltp = [9999, ")) == (
        "desk.toml: feed.instruments: 3001 instruments; allowed are 3000 in total, one connection's worth.",
    )


def test_secrets_and_keys_are_in_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(tmp_path / "c", monkeypatch, http__admin_token=CANARY)
    settings = load(toml(f'[kite]\napi_key = "{CANARY}"\napi_secret = "{CANARY}"\n'))
    assert CANARY not in repr(settings)
    assert CANARY not in str(settings)
    assert repr(settings).startswith("Settings(")


# What does not


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[http]\nport = 99999", "desk.toml: http.port = 99999: allowed is less than or equal to 65535."),
        ('[http]\nport = "x"', "desk.toml: http.port = 'x': allowed is a whole number."),
        ("[http]\nport = 1.5", "desk.toml: http.port = 1.5: allowed is a whole number."),
        ('[http]\nhost = "0.0.0.0"', "desk.toml: http.host = '0.0.0.0': allowed is '127.0.0.1', '::1' or 'localhost'."),
        ("[http]\nhealth_fail_code = 500", "desk.toml: http.health_fail_code = 500: allowed is 503 or 200."),
        (
            '[http]\npublic_url = "desk.example"',
            "desk.toml: http.public_url = 'desk.example': allowed is an address that begins with https:// or http://.",
        ),
        (
            '[http]\npublic_url = "http://desk:99999"',
            (
                "desk.toml: http.public_url = 'http://desk:99999':"
                " allowed is an address that begins with https:// or http://."
            ),
        ),
        (
            '[http]\npublic_url = "https://desk/?a=1"',
            (
                "desk.toml: http.public_url = 'https://desk/?a=1':"
                " allowed is an address without a user, a question mark or a hash."
            ),
        ),
        (
            '[http]\ncors_origins = ["https://desk.example/page"]',
            (
                "desk.toml: http.cors_origins.0 = 'https://desk.example/page':"
                " allowed is an origin such as https://desk.example, without a path."
            ),
        ),
        (
            '[kite]\nticker_url = "https://ws.kite.trade"',
            (
                "desk.toml: kite.ticker_url = 'https://ws.kite.trade':"
                " allowed is an address that begins with wss:// or ws://."
            ),
        ),
        (
            '[kite]\nprobe_hours = ["06:00", "25:00"]',
            "desk.toml: kite.probe_hours.1 = '25:00': allowed is a time of the day such as 07:35.",
        ),
        (
            '[kite]\nprobe_hours = ["06:00+05:30"]',
            "desk.toml: kite.probe_hours.0 = '06:00+05:30': allowed is a time of the day such as 07:35.",
        ),
        ('[kite]\nuser_id = "AB 12"', "desk.toml: kite.user_id = 'AB 12': allowed is one word without blanks."),
        ('[jobs]\nsegment = ""', "desk.toml: jobs.segment = '': allowed is text that is not empty, in quotes."),
        ('[kite]\nuser_id = ""', "desk.toml: kite.user_id = '': allowed is one word without blanks."),
        ('[kite]\ntoken_files = "x"', "desk.toml: kite.token_files = 'x': allowed is a list."),
        ("[kite]\nexport_files = [5]", "desk.toml: kite.export_files.0 = 5: allowed is the path of a file, in quotes."),
        (
            "[kite]\nprob_hours = []",
            "desk.toml: kite.prob_hours is not known; did you mean probe_hours.",
        ),
        (
            "[ftp]\nx = 1",
            f"desk.toml: ftp is not known; known are {', '.join(sorted(Settings.model_fields))}.",
        ),
        ('segmnts = ["NFO"]', "desk.toml: segmnts is not known; did you mean segments."),
        ("segments = []", "desk.toml: segments: allowed is at least one entry."),
        (
            'segments = ["NSE"]',
            "desk.toml: segments has 'NSE', which has no calendar; allowed are MCX, NFO, NSE_EQ.",
        ),
        ('segments = ["NFO", "NFO"]', "desk.toml: segments has 'NFO' twice; allowed is once."),
        ("http = 5", "desk.toml: http: allowed is a table."),
        ("[[kite]]\nuser_id = 'x'", "desk.toml: kite: allowed is a table."),
        (
            "[feed.instruments]\nfull = [1, 2]\nltp = [2]",
            "desk.toml: feed.instruments: 2 listed more than once; allowed is one mode for each instrument.",
        ),
        (
            "[feed.instruments]\nful = [1]",
            "desk.toml: feed.instruments.ful = 'ful': allowed is 'ltp', 'quote' or 'full'.",
        ),
        ("[feed.instruments]\nfull = [0]", "desk.toml: feed.instruments.full.0 = 0: allowed is greater than 0."),
        ('[log]\nlevel = "loud"', "desk.toml: log.level = 'loud': allowed is 'debug', 'info', 'warning' or 'error'."),
        ('state_dir = "desk.toml"', "desk.toml: state_dir = 'desk.toml' is a file; allowed is a directory."),
        (
            '[kite]\nexport_files = ["./var/../var/token.json"]',
            (
                "desk.toml: kite.export_files has 'var/../var/token.json', the daemon's own token file;"
                " allowed is any other file."
            ),
        ),
        (
            'state_dir = "s"\n[kite]\ntoken_files = ["s/token.json"]',
            "desk.toml: kite.token_files has 's/token.json', the daemon's own token file; allowed is any other file.",
        ),
        (
            '[alerts]\nwebhook_url = "chat.example/x"',
            "desk.toml: alerts: webhook_url is no address that begins with https:// or http://.",
        ),
        (
            '[alerts]\ntelegram_chat_id = "1"',
            "desk.toml: alerts: telegram_bot_token and telegram_chat_id belong together; set both or none.",
        ),
        (
            '[alerts]\nsmtp_host = "mail.example"',
            "desk.toml: alerts: smtp_host, email_from and email_to belong together; set all or none.",
        ),
        (
            '[alerts]\nsmtp_user = "desk"',
            "desk.toml: alerts: smtp_user and smtp_password belong together; set both or none.",
        ),
        (
            '[alerts]\nsmtp_host = "mail.example"\nsmtp_security = "none"\nemail_from = "a@b"\nemail_to = ["c@d"]',
            'desk.toml: alerts: smtp_security = "none" is allowed for a mail server on this machine only.',
        ),
        (
            '[alerts]\nemail_to = ["nobody"]',
            "desk.toml: alerts.email_to.0 = 'nobody': allowed is an address such as you@desk.example.",
        ),
        ('[kite]\nwarn_at = "8:15"', "desk.toml: kite.warn_at = '8:15': allowed is a time of the day such as 07:35."),
        ("[kite\n", "desk.toml: is not TOML: Expected ']' at the end of a table declaration (at line 1, column 6)."),
        ("a = 1\na = 2\n", "desk.toml: is not TOML: Cannot overwrite a value (at line 2, column 6)."),
    ],
)
def test_each_problem_is_one_sentence_with_file_key_value_and_what_is_allowed(text: str, sentence: str) -> None:
    assert problems(text) == (sentence,)


def test_all_problems_are_told_at_once() -> None:
    text = 'segmnts = 1\n[http]\nport = -1\n[kite]\nprobe_hours = ["noon"]\nnonsense = 1\n'
    assert len(problems(text)) == 4


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("HTTP__PORT", "abc", "TRADEWARDEN_HTTP__PORT: http.port = 'abc': allowed is a whole number."),
        ("HTTP__PRT", "1", "TRADEWARDEN_HTTP__PRT: http.prt is not known; did you mean port."),
        ("KIET__API_KEY", "1", "TRADEWARDEN_KIET__API_KEY: not known; did you mean TRADEWARDEN_KITE__API_KEY."),
        ("SEGMENTS", "NFO", 'TRADEWARDEN_SEGMENTS: segments: allowed is JSON, such as ["one", "two"].'),
        (
            "KITE__TOKEN_FILES",
            "/x",
            'TRADEWARDEN_KITE__TOKEN_FILES: kite.token_files: allowed is JSON, such as ["one", "two"].',
        ),
        (
            "SEGMENTS",
            '["X"]',
            "TRADEWARDEN_SEGMENTS: segments has 'X', which has no calendar; allowed are MCX, NFO, NSE_EQ.",
        ),
    ],
)
def test_a_problem_of_the_environment_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(f"TRADEWARDEN_{name}", value)
    assert problems() == (f"environment variable {sentence}",)


def test_a_problem_of_a_credential_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(tmp_path / "c", monkeypatch, kite__api_secret="\n", kite__api_secrt=CANARY, api_key=CANARY)
    told = problems()
    assert told[0].startswith("credential kite__api_secret: kite.api_secret: ")
    assert told[1:] == (
        "credential kite__api_secrt: kite.api_secrt is not known; did you mean api_secret.",
        "credential api_key: not known; did you mean kite__api_key.",
    )


def test_a_credentials_directory_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "gone"))
    assert "gone" in problems()[0]


def test_a_file_that_cannot_be_read_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^missing.toml: cannot be read: No such file or directory\.$"):
        load(Path("missing.toml"))
    with pytest.raises(ConfigError, match=r"^\.: cannot be read: Is a directory\.$"):
        load(Path())
    Path("latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(ConfigError, match=r"^latin.toml: is not UTF-8 text\.$"):
        load(Path("latin.toml"))


def test_a_file_that_cannot_be_looked_at_is_refused_rather_than_passed_over() -> None:
    Path("tradewarden.toml").symlink_to("tradewarden.toml")
    with pytest.raises(ConfigError, match="Too many levels of symbolic links"):
        load()


@pytest.mark.parametrize(
    "text",
    [
        f'[kite]\napi_secret = ["{CANARY}"]',
        f'[[kite]]\napi_secret = "{CANARY}"',
        f'kite = "{CANARY}"',
        f'[kite]\napi_secrt = "{CANARY}"',
        f'[kite]\napi_key = "two {CANARY}"',
        f'[http]\nadmin_token = ["{CANARY}"]',
        f'[http]\napi_secret = "{CANARY}"',
        f'[kite]\nrest_url = "https://user:{CANARY}@x?access_token={CANARY}"',
        f'[kite]\napi_secret = "{CANARY}',
        f'[http]\nhost = {{api_secret = "{CANARY}"}}',
        f'alerts = "https://{CANARY}"',
        f'[alerts]\nwebhook_url = "ftp://{CANARY}"',
        f'[alerts]\nwebhook_url = ["https://{CANARY}"]',
        f'[alerts]\ntelegram_bot_token = "{CANARY}"',
        f'[alerts]\nsmtp_password = "{CANARY}"',
        f'[sinks.redis]\nurl = "redis://user:{CANARY}@x"',
        f'[sinks.mysql]\npassword = ["{CANARY}"]',
        f'[sinks.nats]\ntoken = ["{CANARY}"]',
    ],
)
def test_no_secret_is_ever_repeated(text: str) -> None:
    told = problems(text)
    assert told
    assert CANARY not in str(told)


@pytest.mark.parametrize("value", [f'{{"api_secret": "{CANARY}", oops', f'"{CANARY}"', f'["{CANARY}"]'])
def test_no_secret_of_the_environment_is_ever_repeated(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE", value)
    with pytest.raises(ConfigError) as caught:
        load()
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_section_made_in_code_does_not_repeat_a_secret_either() -> None:
    with pytest.raises(ValidationError) as caught:
        KiteSettings.model_validate({"api_secret": [CANARY]})
    assert CANARY not in str(caught.value)


# What works but will surprise

COMPLETE = """
[kite]
api_key = "key"
user_id = "AB1234"
[feed.instruments]
ltp = [1]
[http]
public_url = "https://desk.example"
"""


def warnings(text: str, *, mode: int = 0o600) -> list[str]:
    path = toml(text)
    path.chmod(mode)
    return list(load(path).warnings())


def test_a_complete_configuration_has_no_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE__API_SECRET", "secret")
    assert warnings(COMPLETE, mode=0o644) == []


@pytest.mark.parametrize(
    ("before", "after", "surprise"),
    [
        ('api_key = "key"', "", "nobody can log in here"),
        ('user_id = "AB1234"', "", "a login of any account would be taken"),
        ("ltp = [1]", "", "no tick will come"),
        ('"https://desk.example"', '"http://desk.example"', "logins would travel unencrypted"),
        ("[kite]", '[kite]\nrest_url = "http://sim.example"', "the token would travel unencrypted"),
        ("[kite]", '[kite]\nexport_files = ["gone/x.env"]', "there is no directory gone"),
        ("[kite]", '[sinks.nats]\nenabled = true\ntoken = "x"\n[kite]', "holds a secret and can be read by others"),
        ("[kite]", '[sinks.redis]\nurl = "redis://r"\n[kite]', "no tick goes there: set sinks.redis.enabled = true"),
        ("[kite]", '[kite]\napi_secret = "x"', "holds a secret and can be read by others: chmod 600 desk.toml"),
    ],
)
def test_a_surprise_is_one_sentence(monkeypatch: pytest.MonkeyPatch, before: str, after: str, surprise: str) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE__API_SECRET", "secret")
    assert before in COMPLETE
    (told,) = warnings(COMPLETE.replace(before, after), mode=0o640)
    assert surprise in told


def test_a_callback_that_a_phone_cannot_reach_is_a_surprise() -> None:
    told = " ".join(warnings('[http]\nport = 9000\npublic_url = "http://127.0.0.1:8700"\n'))
    assert "a login ends well in a browser on this machine only" in told
    assert "but the desk listens on 9000: no login comes back" in told


def test_a_simulated_broker_on_this_machine_is_no_surprise() -> None:
    urls = '[kite]\nrest_url = "http://127.0.0.1:8701"\nticker_url = "ws://127.0.0.1:8701"\n'
    assert "unencrypted" not in json.dumps(warnings(urls))


# Several accounts

TWO = """
state_dir = "state"
[kite]
user_id = "AB1234"
token_files = ["bots.env"]
[accounts.family]
user_id = "XY7890"
export_files = ["family.env"]
"""


def test_each_further_account_is_a_table_of_its_own() -> None:
    settings = load(toml(TWO))
    assert list(settings.every_account) == ["kite", "family"]
    assert settings.every_account["family"].user_id == "XY7890"
    assert [token_file(settings.state_dir, name) for name in settings.every_account] == [
        Path("state/token.json"),
        Path("state/token-family.json"),
    ]


def test_an_accounts_secret_comes_from_the_environment_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(tmp_path / "c", monkeypatch, accounts__family__api_secret="credential\n")
    assert load(toml(TWO)).accounts["family"].api_secret == SecretStr("credential")
    monkeypatch.setenv("TRADEWARDEN_ACCOUNTS__FAMILY__API_SECRET", "environment")
    monkeypatch.setenv("TRADEWARDEN_ACCOUNTS__FAMILY__PROBE_HOURS", '["06:30"]')
    family = load(toml(TWO)).accounts["family"]
    assert (family.api_secret, family.probe_hours) == (SecretStr("environment"), ["06:30"])
    monkeypatch.setenv("TRADEWARDEN_ACCOUNTS__FAMILY__PROBE_HOURS", "06:30")
    (told,) = problems(TWO)
    assert told.startswith(
        "environment variable TRADEWARDEN_ACCOUNTS__FAMILY__PROBE_HOURS: accounts.family.probe_hours"
    )
    assert told.endswith('allowed is JSON, such as ["one", "two"].')


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("XY7890", "AB1234", "accounts.family.user_id = 'AB1234' is that of kite; allowed is each account once."),
        ('user_id = "XY7890"', "", "accounts.family.user_id is not set; with several accounts each needs its own."),
        ('user_id = "AB1234"', "", "kite.user_id is not set; with several accounts each needs its own."),
        (
            "family.env",
            "./bots.env",
            (
                "accounts.family.export_files has 'bots.env', which kite.token_files has too;"
                " allowed is one account a file."
            ),
        ),
        (
            "family.env",
            "state/token.json",
            (
                "accounts.family.export_files has 'state/token.json', the daemon's own token file;"
                " allowed is any other file."
            ),
        ),
        (
            "bots.env",
            "state/token-family.json",
            "kite.token_files has 'state/token-family.json', the daemon's own token file; allowed is any other file.",
        ),
        (
            "accounts.family",
            "accounts.Family",
            "accounts.Family: allowed is a name of up to 32 small letters, digits, - and _, such as family.",
        ),
        (
            "accounts.family",
            "accounts.a__b",
            "accounts.a__b: allowed is a name of up to 32 small letters, digits, - and _, such as family.",
        ),
        (
            "accounts.family",
            "accounts.kite",
            "accounts.kite: kite is the first account, in the table [kite]; allowed is any other name.",
        ),
        ("XY7890", "X Y", "accounts.family.user_id = 'X Y': allowed is one word without blanks."),
        ("export_files", "export_file", "accounts.family.export_file is not known; did you mean export_files."),
    ],
)
def test_accounts_that_cannot_be_told_apart_are_refused(before: str, after: str, told: str) -> None:
    assert before in TWO
    assert problems(TWO.replace(before, after)) == (f"desk.toml: {told}",)


@pytest.mark.parametrize("text", ['accounts = "CANARY"', 'accounts.family = "CANARY"'])
def test_an_account_that_is_no_table_is_refused_without_a_word_of_it(text: str) -> None:
    (told,) = problems(text)
    assert told.endswith(": allowed is a table.")
    assert "CANARY" not in told


def test_an_account_surprises_in_the_same_words_as_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWARDEN_KITE__API_SECRET", "secret")
    further = '[accounts.family]\nuser_id = "XY7890"\nrest_url = "http://sim.example"\ntoken_files = ["gone/x.env"]\n'
    first, *others = warnings(COMPLETE + further)
    assert first.startswith(
        "accounts.family.api_key and accounts.family.api_secret are not both set: nobody can log in"
    )
    assert others == [
        "accounts.family.rest_url is http://sim.example: the token would travel unencrypted.",
        "accounts.family.token_files has gone/x.env, but there is no directory gone.",
    ]
    (told,) = warnings(COMPLETE + further.partition("rest_url")[0] + 'api_key = "k"\napi_secret = "x"\n', mode=0o640)
    assert "holds a secret and can be read by others" in told


# One round


def test_a_wrong_value_does_not_hide_a_wrong_combination(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    text = f"""
segments = ["NSE_EQ", "MARS"]
state_dir = "{tmp_path}/state"
[http]
port = "many"
[feed]
rules = ["no-such-rules"]
[kite]
user_id = "two words"
[accounts.family]
user_id = "XY7890"
"""
    found = [problem.partition(": ")[2] for problem in problems(text)]
    assert [problem.split(" ")[0] for problem in found] == [
        "kite.user_id",
        "http.port",
        "segments",
        "feed.rules:",
        "state_dir",
    ]
    assert "kite.user_id is not set" not in " ".join(found)  # it is set, only not well


def test_a_list_with_one_wrong_entry_is_left_out_as_a_whole() -> None:
    found = problems('[feed.instruments]\nfull = [0]\n[kite]\nprobe_hours = ["06:00", "7"]\n[http]\nport = -1\n')
    assert len(found) == 3
