"""What leads to a daemon, of a configuration that is faulty: whoever mends a file can still stop a program."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from tradewarden.settings import FILES, HttpSettings, Settings
from tradewarden.settings_kinds import File
from tradewarden.settings_services import DeskSettings
from tradewarden.settings_sources import ConfigError, Sources, find, read
from tradewarden.settings_state import place, state_directory


class Way(BaseSettings):
    """The settings that lead to a daemon; whatever else is set is passed over."""

    model_config = SettingsConfigDict(**{**Settings.model_config, "extra": "ignore"})

    http: HttpSettings = HttpSettings()
    desk: DeskSettings = DeskSettings()
    state_dir: File = Field(default_factory=state_directory)


def way(config: Path | None = None) -> Settings:
    """The settings as far as they lead to the daemon: of each faulty value the default."""
    path = config or find(FILES)
    sources = Sources(path if _is_read(path) else None)
    try:
        found = _found(sources)
    except SettingsError:  # a variable that is no JSON: nothing can be asked of its source
        found, sources = Way.model_construct(), Sources(None)
    settings = Settings.model_construct(http=found.http, desk=found.desk, state_dir=found.state_dir)
    settings._file = path  # noqa: SLF001 - as in settings.load
    place(settings, path, sources)
    return settings


def _is_read(path: Path | None) -> bool:
    try:
        return path is not None and bool(read(path))
    except ConfigError:
        return False


def _found(sources: Sources) -> Way:
    try:
        return sources.merge(Way)
    except ValidationError as error:
        faulty = [tuple(key for key in fault["loc"] if key != "[key]") for fault in error.errors()]
    try:
        return sources.without(Way, [keys for keys in faulty if keys])
    except ValidationError:
        return Way.model_construct()
