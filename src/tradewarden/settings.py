"""Everything an operator may set: `tradewarden.toml`, the environment, and systemd's credentials; the last one wins."""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from tradewarden.feed.tick import Mode

FILES = (Path("tradewarden.toml"), Path("/etc/tradewarden/tradewarden.toml"))
PREFIX = "TRADEWARDEN_"
MOST_INSTRUMENTS = 3000
OURS = frozenset({"TRADEWARDEN_BOOT_ID"})  # set by the unit, not by an operator


class ConfigError(Exception):
    """The configuration cannot be used; one sentence per problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _hour(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError:
        raise ValueError("allowed is a time of the day such as 07:35") from None
    return text


def _url(*schemes: str) -> AfterValidator:
    def check(text: str) -> str:
        parts = urlsplit(text)
        if parts.scheme not in schemes or not parts.netloc:
            raise ValueError(f"allowed is an address that begins with {' or '.join(f'{s}://' for s in schemes)}")
        return text.rstrip("/")

    return AfterValidator(check)


WebUrl = Annotated[str, _url("https", "http")]
SocketUrl = Annotated[str, _url("wss", "ws")]
Hour = Annotated[str, AfterValidator(_hour)]


def state_directory() -> Path:
    """Where a daemon keeps its state: systemd's StateDirectory, else ./var."""
    named = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(named) if named else Path("var")


class Section(BaseModel):
    """One table of the file; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class KiteSettings(Section):
    """The account at Zerodha Kite."""

    api_key: str | None = None
    api_secret: SecretStr | None = None
    user_id: str | None = Field(None, description="logins and tokens of another account are refused")
    rest_url: WebUrl = "https://api.kite.trade"
    ticker_url: SocketUrl = "wss://ws.kite.trade"
    login_url: WebUrl = "https://kite.zerodha.com/connect/login"
    probe_hours: list[Hour] = Field(["06:00", "07:35", "08:15"], description="IST; when tokens are known to die")
    token_files: list[Path] = Field([], description="files in which other programs save a token")
    export_files: list[Path] = Field([], description="files that get each fresh token, for other programs")


class FeedSettings(Section):
    """What is streamed."""

    instruments: dict[Mode, list[Annotated[int, Field(gt=0, lt=2**32)]]] = Field(
        {}, description="by mode: ltp, quote, full"
    )
    lead_minutes: int = Field(20, ge=0, le=120, description="how long before the first phase with data the feed dials")

    def subscriptions(self) -> dict[int, Mode]:
        """Each instrument once, with its mode."""
        return {token: mode for mode, tokens in self.instruments.items() for token in tokens}

    @model_validator(mode="after")
    def _once_each(self) -> FeedSettings:
        tokens = [token for listed in self.instruments.values() for token in listed]
        twice = [token for token, times in Counter(tokens).items() if times > 1]
        if twice:
            raise ValueError(f"instruments: {twice[0]} is listed twice; allowed is one mode for each instrument")
        if len(tokens) > MOST_INSTRUMENTS:
            raise ValueError(f"instruments: {len(tokens)} are listed; allowed are {MOST_INSTRUMENTS} on one connection")
        return self


class HttpSettings(Section):
    """Where the desk answers."""

    host: Literal["127.0.0.1", "::1", "localhost"] = "127.0.0.1"
    port: int = Field(8700, ge=0, le=65535)
    public_url: WebUrl = Field("http://127.0.0.1:8700", description="as a browser reaches it; the broker's callback")
    admin_token: SecretStr | None = None
    cors_origins: list[WebUrl] = []
    health_fail_code: Literal[503, 200] = 503


class LogSettings(Section):
    """What is written down."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(BaseSettings):
    """The desk's settings; only `daemon`, `demo` and the command line see them, everybody else receives values."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True, validate_default=False
    )

    segments: list[str] = Field(["NSE_EQ", "NFO"], min_length=1)
    kite: KiteSettings = KiteSettings()
    feed: FeedSettings = FeedSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    state_dir: Path = Field(default_factory=state_directory)

    @property
    def token_file(self) -> Path:
        """Where the token of our own logins is kept."""
        return self.state_dir / "token.json"

    def warnings(self) -> Iterator[str]:
        """What works but will surprise somebody."""
        if not self.kite.api_key or self.kite.api_secret is None:
            yield "kite.api_key and kite.api_secret are not both set: nobody can log in here; tokens come from files."
        if self.kite.user_id is None:
            yield "kite.user_id is not set: a login of any account would be taken."
        if not self.feed.subscriptions():
            yield "feed.instruments is empty: no tick will come, and the feed will look stale while the market is live."
        if urlsplit(self.http.public_url).hostname in ("127.0.0.1", "localhost", "::1"):
            yield (
                f"http.public_url is {self.http.public_url}: the login's callback works in a browser on this machine;"
                " for a phone set it to the https address of your proxy."
            )


def load(config: Path | None = None, *, known_segments: Collection[str] | None = None) -> Settings:
    """Read and check everything. Raises ConfigError with one sentence per problem and never a secret's value."""
    path = config or next((file for file in FILES if file.exists()), None)
    if path is not None:
        _readable_toml(path)
    sources = _Sources(path)
    try:
        settings = sources.settings()
    except ValidationError as error:
        problems = [_sentence(problem, sources) for problem in error.errors(include_url=False)]
        raise ConfigError(*problems, *_unknown_variables()) from None
    except SettingsError as error:
        raise ConfigError(f"environment: {error}.") from None
    problems = [*_unknown_variables(), *_relations(settings, known_segments, sources)]
    if problems:
        raise ConfigError(*problems)
    return settings


class _Sources:
    """Where values come from, the strongest first: environment, credentials, file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._credentials = os.environ.get("CREDENTIALS_DIRECTORY")
        self._named: list[tuple[str, PydanticBaseSettingsSource]] = []

    def settings(self) -> Settings:
        """The merged settings. Raises pydantic's ValidationError."""
        sources = self

        class Merged(Settings):
            model_config = sources.config()

            @classmethod
            def settings_customise_sources(
                cls,
                settings_cls: type[BaseSettings],
                init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's hook
                env_settings: PydanticBaseSettingsSource,
                dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's hook
                file_secret_settings: PydanticBaseSettingsSource,
            ) -> tuple[PydanticBaseSettingsSource, ...]:
                return sources.order(settings_cls, env_settings, file_secret_settings)

        return Merged()

    def config(self) -> SettingsConfigDict:
        """Credentials are only looked for where systemd has put some."""
        if not self._credentials:
            return SettingsConfigDict()
        return SettingsConfigDict(secrets_dir=self._credentials, secrets_nested_delimiter="__")

    def order(
        self,
        settings_cls: type[BaseSettings],
        environment: PydanticBaseSettingsSource,
        secrets: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in the order of their strength, remembered by name."""
        self._named = [("environment", environment)]
        if self._credentials:
            nested = NestedSecretsSettingsSource(secrets, env_prefix="")
            self._named.append((f"credentials in {self._credentials}", nested))
        if self._path is not None:
            self._named.append((str(self._path), TomlConfigSettingsSource(settings_cls, self._path)))
        return tuple(source for _, source in self._named)

    def origin(self, keys: tuple[int | str, ...]) -> str:
        """Where the value at this place came from."""
        for name, source in self._named:
            found: Any = source()
            for key in keys:
                if not isinstance(found, dict) or key not in found:
                    break
                found = found[key]
            else:
                return name
        return self._named[-1][0] if self._named else "defaults"


def _readable_toml(path: Path) -> None:
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise ConfigError(f"{path}: cannot be read: {trouble.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: is not TOML: {error}.") from None


def _unknown_variables() -> Iterator[str]:
    """A mistyped variable would otherwise be passed over in silence."""
    for name in sorted(os.environ):
        first = name.removeprefix(PREFIX).split("__")[0].lower()
        if name.startswith(PREFIX) and name not in OURS and first not in Settings.model_fields:
            yield f"environment: {name} is not known{_nearest(first, Settings.model_fields)}."


def _sentence(problem: Any, sources: _Sources) -> str:
    """One problem: where, which key, which value, what is allowed."""
    keys = tuple(key for key in problem["loc"] if key != "[key]")
    dotted = ".".join(str(key) for key in keys)
    where = sources.origin(keys)
    if problem["type"] == "extra_forbidden":
        return f"{where}: {dotted} is not known{_nearest(str(keys[-1]), _siblings(keys))}."
    value = "" if _is_secret(keys) or isinstance(problem["input"], dict) else f" = {problem['input']!r}"
    return f"{where}: {dotted}{value}: {problem['msg'].removeprefix('Value error, ')}."


def _siblings(keys: tuple[int | str, ...]) -> Collection[str]:
    model: Any = Settings
    for key in keys[:-1]:
        field = model.model_fields.get(key)
        if field is None or not isinstance(field.annotation, type) or not issubclass(field.annotation, BaseModel):
            return ()
        model = field.annotation
    return list(model.model_fields)


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}" if near else f"; known are {', '.join(sorted(known))}" if known else ""


def _is_secret(keys: tuple[int | str, ...]) -> bool:
    return any(str(key) in ("api_secret", "admin_token") for key in keys)


def _relations(settings: Settings, known_segments: Collection[str] | None, sources: _Sources) -> Iterator[str]:
    """What no single value can know."""
    for index, segment in enumerate(settings.segments):
        if known_segments is not None and segment not in known_segments:
            where = sources.origin(("segments",))
            allowed = ", ".join(sorted(known_segments))
            yield f"{where}: segments = {segment!r} has no calendar; allowed are {allowed}."
        if segment in settings.segments[:index]:
            yield f"{sources.origin(('segments',))}: segments = {segment!r} is listed twice; allowed is once."
    own = settings.token_file.absolute()
    for name in ("token_files", "export_files"):
        for path in getattr(settings.kite, name):
            if path.absolute() == own:
                where = sources.origin(("kite", name))
                yield f"{where}: kite.{name} = {str(path)!r} is the daemon's own token file; name another file."


def exposed_secrets(path: Path) -> str | None:
    """A sentence when the file holds a secret and others on this machine can read it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return None
    has_secret = "api_secret" in values.get("kite", {}) or "admin_token" in values.get("http", {})
    if has_secret and mode & (stat.S_IRGRP | stat.S_IROTH):
        return f"{path} holds a secret and can be read by others: chmod 600 {path}, or use systemd's credentials."
    return None
