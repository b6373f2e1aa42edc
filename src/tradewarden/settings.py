"""Everything an operator may set: `tradewarden.toml`, the environment, and systemd's credentials; the last one wins."""

from __future__ import annotations

import stat
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    SettingsConfigDict,
    SettingsError,
)

from tradewarden.feed.tick import Mode
from tradewarden.machines.account import FEEDING
from tradewarden.machines.instruments import most
from tradewarden.machines.job import Job, Trader
from tradewarden.machines.service import Service
from tradewarden.orchestrator.rule_files import RuleError, load_rules
from tradewarden.settings_accounts import AccountName, AccountSettings, KiteSettings, about_accounts, clashes
from tradewarden.settings_jobs import (
    JobsSettings,
    PersonName,
    PersonSettings,
    about_jobs,
    jobs_of,
    people_of,
    segment_of,
)
from tradewarden.settings_kinds import (
    LOOPBACK,
    File,
    Hour,
    Instrument,
    MailAddress,
    Origin,
    Section,
    SocketUrl,
    WebUrl,
    Word,
    split,
)
from tradewarden.settings_problems import misread, sentence, unknown_credentials, unknown_variables
from tradewarden.settings_programs import (
    about_services,
    keepers_directory,
    log_directory,
    remarks,
    secrets_of,
    services_of,
)
from tradewarden.settings_services import DeskSettings, ServiceName, ServiceSettings
from tradewarden.settings_sinks import SECRETS, BusUrl, RedisBroker, SinksSettings, about_sinks
from tradewarden.settings_sources import BETWEEN, PREFIX, ConfigError, Sources, find, read
from tradewarden.settings_state import FILES, place, state_directory

__all__ = [
    "FILES",
    "AccountSettings",
    "AlertSettings",
    "ConfigError",
    "DeskSettings",
    "FeedSettings",
    "File",
    "Hour",
    "HttpSettings",
    "Instrument",
    "JobsSettings",
    "JournalSettings",
    "KiteSettings",
    "LogSettings",
    "Origin",
    "PersonSettings",
    "ServiceSettings",
    "Settings",
    "SinksSettings",
    "SocketUrl",
    "WebUrl",
    "Word",
    "load",
]

MOST_INSTRUMENTS = 3000  # on one connection, by Kite's documentation
MOST_CONNECTIONS = 3
PORT = 8700
Known = Collection[str] | Callable[[Path], Collection[str]]
ALERT_SECRETS = ("webhook_url", "telegram_bot_token", "smtp_password")


def _once_each(instruments: dict[Mode, list[int]]) -> dict[Mode, list[int]]:
    tokens = Counter(chain.from_iterable(instruments.values()))
    twice = [str(token) for token, times in tokens.items() if times > 1]
    if twice:
        raise ValueError(f"{', '.join(twice[:5])} listed more than once; allowed is one mode for each instrument")
    if len(tokens) > MOST_INSTRUMENTS:
        raise ValueError(f"{len(tokens)} instruments; allowed are {MOST_INSTRUMENTS} in total, one connection's worth")
    return instruments


class FreshnessSettings(Section):
    """How long a single instrument may be silent while the stream ticks and dense data is due."""

    index: int = Field(30, ge=5, le=3600, description="seconds for an index, which ticks every second")
    liquid: int = Field(60, ge=5, le=3600, description="seconds for the class liquid; what is learned is never less")
    illiquid: int = Field(3600, ge=60, le=86400, description="seconds for the class illiquid; the most that is learned")
    classes: dict[Literal["index", "liquid", "illiquid", "unwatched"], list[Instrument]] = Field(
        {}, description="by class: instruments whose class is not to be learned"
    )

    @property
    def by_token(self) -> dict[int, str]:
        """The class of each instrument that is named."""
        return {token: kind for kind, tokens in self.classes.items() for token in tokens}


class FeedSettings(Section):
    """What is streamed."""

    instruments: Annotated[dict[Mode, list[Instrument]], AfterValidator(_once_each)] = Field(
        {}, description="by mode: ltp, quote, full"
    )
    rules: list[str] = Field([], description="rule files: a shipped one by its name, your own by its path")
    dump_after: Hour = Field("08:30", description="IST; when the broker's dump of instruments is new on trading days")
    lead_minutes: int = Field(20, ge=0, le=120, description="how long before the first phase with data the feed dials")
    source: Literal["kite", "redis", "zmq"] = Field(
        "kite", description="where ticks come from: the broker, or the bus of another desk, which needs no login"
    )
    url: BusUrl | None = Field(None, description="of that bus, such as redis://10.0.0.5:6379/0 or tcp://10.0.0.5:5555")
    broker: RedisBroker = Field(
        "kite", description="first part of that bus's stream or topic, as the other desk has set it"
    )
    username: Word | None = Field(None, description="if that Redis knows users")
    password: SecretStr | None = Field(None, min_length=1, description="if that Redis asks for one")
    freshness: FreshnessSettings = FreshnessSettings()

    @model_validator(mode="after")
    def _a_bus_has_an_address(self) -> FeedSettings:
        if self.source == "kite":
            return self
        schemes = {"redis": ("redis", "rediss"), "zmq": ("tcp",)}[self.source]
        if self.url is None or urlsplit(self.url).scheme not in schemes:
            raise ValueError(f'source = "{self.source}" needs a url that begins with {" or ".join(schemes)}://')
        return self

    def subscriptions(self) -> dict[int, Mode]:
        """Each instrument with its mode."""
        return {token: mode for mode, tokens in self.instruments.items() for token in tokens}


class JournalSettings(Section):
    """Every tick that comes, on this machine's disk, before anybody else gets it; the stores read it from there."""

    record: bool = Field(default=True, description="whether ticks are kept; without it no store gets any")
    segment_mb: int = Field(64, ge=1, le=1024, description="size of one file")
    segment_minutes: int = Field(60, ge=1, le=1440, description="time after which a file ends though it is smaller")
    keep_gb: int = Field(50, ge=1, description="above that, what every store has goes early, the oldest first")
    keep_days: int = Field(7, ge=1, description="how long what every store has is kept all the same")


class HttpSettings(Section):
    """Where the desk answers."""

    host: Literal["127.0.0.1", "::1", "localhost"] = Field(
        "127.0.0.1", description="this machine only; others come through a proxy"
    )
    port: int = Field(PORT, ge=0, le=65535, description="0 takes any free one")
    public_url: WebUrl = Field(
        "", description="as a browser reaches it, for the broker's callback; host and port if unset"
    )
    admin_token: SecretStr | None = Field(
        None, min_length=8, description="for programs; made and kept in the state directory if unset"
    )
    cors_origins: list[Origin] = Field([], description="whose pages may read the health answer in a browser")
    health_fail_code: Literal[503, 200] = Field(503, description="the status code of a health answer that says fail")

    @model_validator(mode="after")
    def _reachable_on_this_machine_at_least(self) -> HttpSettings:
        if not self.public_url:
            host = f"[{self.host}]" if ":" in self.host else self.host
            self.public_url = f"http://{host}:{self.port or PORT}"
        return self


class AlertSettings(Section):
    """Who is told when a person must act; a way out is used once all that it needs is set."""

    webhook_url: SecretStr | None = Field(None, description="gets one POST of JSON a message; chats show its text")
    telegram_bot_token: SecretStr | None = Field(None, min_length=1, description="of the bot that writes")
    telegram_chat_id: Word | None = Field(None, description="where it writes: a number, or @channel")
    telegram_url: WebUrl = Field("https://api.telegram.org", description="where the bots live")
    smtp_host: Word | None = Field(None, description="the mail server")
    smtp_port: int = Field(587, ge=1, le=65535, description="465 with smtp_security = tls")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="none on this machine only")
    smtp_user: Word | None = Field(None, description="if the server asks who you are")
    smtp_password: SecretStr | None = Field(None, min_length=1, description="the same user's")
    email_from: MailAddress | None = Field(None, description="the sender of the mails")
    email_to: list[MailAddress] = Field([], description="who gets the mails")

    @model_validator(mode="after")
    def _each_way_is_whole(self) -> AlertSettings:
        if self.webhook_url is not None:
            parts = split(self.webhook_url.get_secret_value())
            if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
                raise ValueError("webhook_url is no address that begins with https:// or http://")
        if (self.telegram_bot_token is None) != (self.telegram_chat_id is None):
            raise ValueError("telegram_bot_token and telegram_chat_id belong together; set both or none")
        if any((self.smtp_host, self.email_from, self.email_to)) and not self.emails:
            raise ValueError("smtp_host, email_from and email_to belong together; set all or none")
        if (self.smtp_user is None) != (self.smtp_password is None):
            raise ValueError("smtp_user and smtp_password belong together; set both or none")
        if self.smtp_security == "none" and self.smtp_host not in (None, *LOOPBACK):
            raise ValueError('smtp_security = "none" is allowed for a mail server on this machine only')
        return self

    @property
    def emails(self) -> bool:
        """Whether mails can be sent."""
        return self.smtp_host is not None and self.email_from is not None and bool(self.email_to)

    @property
    def has_way(self) -> bool:
        """Whether anybody can be told."""
        return self.emails or self.webhook_url is not None or self.telegram_bot_token is not None


class LogSettings(Section):
    """What is written down."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="the least that is written")


class Settings(BaseSettings):
    """The desk's settings; only `daemon`, `demo` and the command line see them, everybody else receives values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=BETWEEN,
        env_ignore_empty=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=False,
    )

    segments: list[str] = Field(
        ["NSE_EQ", "NFO"], min_length=1, description="the markets of this desk; the first one leads among equals"
    )
    kite: KiteSettings = KiteSettings()
    accounts: dict[AccountName, AccountSettings] = Field({}, description="further accounts, one table each")
    feed: FeedSettings = FeedSettings()
    journal: JournalSettings = JournalSettings()
    http: HttpSettings = HttpSettings()
    alerts: AlertSettings = AlertSettings()
    sinks: SinksSettings = SinksSettings()
    desk: DeskSettings = DeskSettings()
    services: dict[ServiceName, ServiceSettings] = Field({}, description="the desk's programs and jobs, one table each")
    jobs: JobsSettings = JobsSettings()
    people: dict[PersonName, PersonSettings] = Field({}, description="what each trader's own jobs get, one table each")
    log: LogSettings = LogSettings()
    state_dir: File = Field(
        default_factory=state_directory,
        description="token, ledger, admin token, own calendars; $STATE_DIRECTORY if unset, else var beside this file",
    )
    _file: Path | None = PrivateAttr(None)

    @property
    def every_account(self) -> dict[str, AccountSettings]:
        """Each account by its name, the one that the ticks come with first."""
        return {FEEDING: self.kite, **self.accounts}

    @property
    def file(self) -> Path | None:
        """The file that was read, if there was one."""
        return self._file

    @property
    def programs(self) -> tuple[Service, ...]:
        """The desk's programs, in the order of the file."""
        return services_of(self.services, self._file)

    @property
    def scheduled(self) -> tuple[Job, ...]:
        """The desk's jobs, in the order of the file."""
        return jobs_of(self.services, self._file, self.jobs, self.segments)

    @property
    def traders(self) -> Mapping[str, Trader]:
        """What each trader's own jobs get, by the trader's name."""
        return people_of(self.people)

    @property
    def job_segment(self) -> str:
        """Whose trading days a schedule goes by that names none."""
        return segment_of(self.jobs, self.segments)

    @property
    def run_dir(self) -> Path:
        """Where the keepers have their files."""
        return keepers_directory(self.desk, self.state_dir)

    @property
    def log_dir(self) -> Path:
        """Where the services' words go."""
        return log_directory(self.desk, self.state_dir)

    def warnings(self) -> Iterator[str]:
        """What works but will surprise somebody, one sentence each."""
        yield from _exposed(self._file)
        if self.feed.source == "kite":
            yield from about_accounts(self.every_account)
        yield from self._about_addresses()
        yield from about_sinks(self.sinks)
        yield from remarks((*self.programs, *self.scheduled), self.state_dir)
        if self.feed.source == "kite" and not self.feed.subscriptions() and not self.feed.rules:
            yield "feed.instruments and feed.rules are empty: no tick will come, and a live market will look stale."

    def _about_addresses(self) -> Iterator[str]:
        http, parts = self.http, urlsplit(self.http.public_url)
        if parts.hostname not in LOOPBACK:
            if parts.scheme == "http":
                yield f"http.public_url is {http.public_url}: logins would travel unencrypted; put https in front."
            return
        yield (
            f"http.public_url is {http.public_url}: a login ends well in a browser on this machine only;"
            " for a phone set it to the https address of your proxy."
        )
        if http.port and parts.port != http.port:
            yield f"http.public_url is {http.public_url}, but the desk listens on {http.port}: no login comes back."


def load(config: Path | None = None, *, known_segments: Known | None = None) -> Settings:
    """Read and check everything. Raises ConfigError with one sentence per problem and never a secret's value.

    The segments that have a calendar may depend on where the state lies: then they are asked for with that.
    """
    path = config or find(FILES)
    asked_for = secrets_of(read(path)) if path is not None else frozenset()
    sources = Sources(path)
    strange = unknown_credentials(Settings, sources.credentials, besides=asked_for)
    problems = [*unknown_variables(Settings), *misread(Settings), *strange]
    try:
        settings = sources.merge(Settings)
    except ValidationError as error:
        faults = [sentence(Settings, fault, sources) for fault in error.errors()]
        raise ConfigError(*faults, *problems, *_besides(error, known_segments, sources)) from None
    except SettingsError as error:
        raise ConfigError(*problems or [f"{error}."]) from None
    settings._file = path  # noqa: SLF001 - our own model; not a setting, so not a field
    place(settings, path, sources)
    problems += _relations(settings, known_segments, sources)
    if problems:
        raise ConfigError(*problems)
    return settings


def _besides(error: ValidationError, known_segments: Known | None, sources: Sources) -> list[str]:
    """What else is wrong, so that nobody mends one half only to be told of the other."""
    faulty = [tuple(key for key in fault["loc"] if key != "[key]") for fault in error.errors()]
    try:
        good = sources.without(Settings, [keys for keys in faulty if keys])
    except ValidationError:
        return []  # too much is wrong to look at the rest
    good._file = sources.file  # noqa: SLF001 - as in load
    place(good, sources.file, sources)
    return list(_relations(good, known_segments, sources))


def _relations(settings: Settings, known: Known | None, sources: Sources) -> Iterator[str]:
    """What no single value can know."""
    known_segments = known(settings.state_dir) if callable(known) else known
    where = sources.origin(("segments",))
    for index, segment in enumerate(settings.segments):
        if known_segments is not None and segment not in known_segments:
            allowed = ", ".join(sorted(known_segments))
            yield f"{where}: segments has {segment!r}, which has no calendar; allowed are {allowed}."
        if segment in settings.segments[:index]:
            yield f"{where}: segments has {segment!r} twice; allowed is once."
    yield from _about_rules(settings.feed, sources)
    extra = settings.feed.source
    if extra != "kite" and find_spec(extra) is None:
        where = sources.origin(("feed", "source"))
        yield f"{where}: feed.source = {extra!r} needs a package: pip install 'tradewarden[{extra}]'."
    state = settings.state_dir
    if state.exists() and not state.is_dir():
        yield f"{sources.origin(('state_dir',))}: state_dir = {str(state)!r} is a file; allowed is a directory."
    yield from clashes(settings.every_account, state, sources)
    yield from about_services(settings.programs, sources, settings.run_dir)
    yield from about_jobs(
        settings.services,
        settings.scheduled,
        settings.people,
        known=known_segments,
        accounts=settings.every_account,
        segment=settings.job_segment,
        sources=sources,
        run_dir=settings.run_dir,
    )


def _about_rules(feed: FeedSettings, sources: Sources) -> Iterator[str]:
    """What is wrong with the rule files, and whether one connection can carry what they ask for."""
    where = sources.origin(("feed", "rules"))
    try:
        rules = load_rules(feed.rules)
    except RuleError as error:
        yield from (f"{where}: feed.rules: {problem}" for problem in error.problems)
        return
    total = most(rules) + len(feed.subscriptions())
    allowed = MOST_INSTRUMENTS * MOST_CONNECTIONS
    if total > allowed:
        yield (
            f"{where}: feed.rules and feed.instruments come to as many as {total} instruments; "
            f"allowed are {allowed} in total, on {MOST_CONNECTIONS} connections of {MOST_INSTRUMENTS}."
        )


def _exposed(path: Path | None) -> Iterator[str]:
    """Whether the file holds a secret that others on this machine can read."""
    if path is None:
        return
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    secrets = {"kite": ["api_secret"], "feed": ["password"], "http": ["admin_token"], "alerts": ALERT_SECRETS}
    sinks = [table for table in values.get("sinks", {}).values() if isinstance(table, dict)]
    holds_one = any(name in values.get(section, {}) for section, names in secrets.items() for name in names)
    accounts = [table for table in values.get("accounts", {}).values() if isinstance(table, dict)]
    holds_one = holds_one or any(name in table for table in sinks for name in SECRETS)
    holds_one = holds_one or any("api_secret" in table for table in accounts)
    if holds_one and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield f"{path} holds a secret and can be read by others: chmod 600 {path}, or use systemd's credentials."
