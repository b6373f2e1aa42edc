"""The servers that a desk needs: those of its stores, and the bus that its ticks come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradewarden.orchestrator.checks.address import Address, address_of
from tradewarden.orchestrator.checks.check import ServerCheck
from tradewarden.orchestrator.checks.port import PortCheck
from tradewarden.orchestrator.checks.redis import RedisCheck, redis_address
from tradewarden.sink_command import values_of

if TYPE_CHECKING:
    from tradewarden.settings import Settings

# ruff: noqa: PLC0415 - each check loads only what it needs


def servers(settings: Settings) -> Iterator[tuple[str, ServerCheck]]:
    """What is asked of each, by the setting that names it."""
    sinks = settings.sinks
    if settings.feed.source != "kite" and settings.feed.url is not None:
        yield "feed.url", _bus(settings.feed.url, values_of(settings.feed))
    if sinks.redis.enabled:
        yield "sinks.redis", _bus(sinks.redis.url, values_of(sinks.redis))
    if sinks.mysql.enabled:
        yield "sinks.mysql", _mysql(values_of(sinks.mysql))
    if sinks.influx.enabled:
        yield "sinks.influx", _influx(values_of(sinks.influx))
    if sinks.nats.enabled:
        yield "sinks.nats", PortCheck(address_of(sinks.nats.url, schemes=("nats", "tls"), port=4222))


def _bus(url: str, login: dict[str, Any]) -> ServerCheck:
    if urlsplit(url).scheme == "tcp":
        return PortCheck(address_of(url, schemes=("tcp",)))
    return RedisCheck(replace(redis_address(url), username=login["username"], password=login["password"]))


def _mysql(told: dict[str, Any]) -> ServerCheck:
    from tradewarden.orchestrator.checks.mysql import MysqlCheck

    place = told["host"], 0 if told["host"].startswith("/") else told["port"]
    return MysqlCheck(Address(*place, "mysql", told["user"], told["password"], told["database"]))


def _influx(told: dict[str, Any]) -> ServerCheck:
    from tradewarden.orchestrator.checks.http import HttpCheck
    from tradewarden.orchestrator.checks.influx import InfluxDatabaseCheck

    url = told["url"].rstrip("/")
    match told["flavour"]:
        case "influxdb":
            return InfluxDatabaseCheck(url, told["database"], told["username"], told["password"])
        case "victoriametrics":
            return HttpCheck(f"{url}/health")
        case _:
            return PortCheck(HttpCheck(url).address)
