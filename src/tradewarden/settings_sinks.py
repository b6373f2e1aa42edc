"""Where ticks go besides the journal: one table a store, `[sinks.<name>]`. No store's library is imported here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from tradewarden.settings_kinds import File, Section, WebUrl, Word, url

RedisUrl = Annotated[str, url("redis", "rediss")]
BusUrl = Annotated[str, url("redis", "rediss", "tcp")]  # of another desk
NatsUrl = Annotated[str, url("nats", "tls")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Broker = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
RedisBroker = Annotated[str, Field(pattern=r"^(\{[A-Za-z0-9_-]+\}|[A-Za-z0-9_-]+)$")]  # braces: one node of a cluster
Port = Annotated[int, Field(ge=1, le=65535)]

SECRETS = ("password", "token")  # in the table of any sink


class SinkSection(Section):
    """What every sink has."""

    enabled: bool = Field(default=False, description="whether ticks go there")
    process: Literal["daemon", "own"] = Field(
        "daemon", description="inside the daemon, or as `tradewarden sink NAME` in a process of its own"
    )


class SqliteSettings(SinkSection):
    """Latest quotes and one-minute bars in a file that needs no server."""

    enabled: bool = Field(default=True, description="whether ticks go there")
    path: File | None = Field(None, description="the file; ticks.db in the state directory if unset")
    ticks: bool = Field(default=False, description="every single tick too: 8 GB a busy day, where Parquet takes 2")
    ticks_days: int = Field(5, ge=1, le=3650, description="how long single ticks stay")
    bars_days: int = Field(400, ge=1, le=36500, description="how long bars stay")


class ParquetSettings(Section):
    """Sealed segments of the journal as Parquet files by day and hour; needs `pip install tradewarden[parquet]`."""

    enabled: bool = Field(
        default=True, description="whether sealed segments become Parquet, once the extra is installed"
    )
    keep_days: int = Field(default=0, ge=0, le=36_500, description="days of ticks kept besides today; 0 keeps all")


class RedisSettings(SinkSection):
    """Streams and messages in Redis; needs `pip install tradewarden[redis]`."""

    url: RedisUrl = Field("redis://127.0.0.1:6379/0", description="the server and its database")
    username: Word | None = Field(None, description="if the server knows users")
    password: SecretStr | None = Field(None, min_length=1, description="if the server asks for one")
    broker: RedisBroker = Field("kite", description="first part of every name: kite:frames, kite:quotes")
    keep_ticks: int = Field(1_000_000, ge=1000, description="how many ticks stay in the stream, 256 bytes each")
    publish: bool = Field(default=False, description="each entry of the stream as a Pub/Sub message too")
    originals: bool = Field(
        default=False, description="the original feed's JSON beside it: kite:quotes, kite:depth, ..."
    )


class MysqlSettings(SinkSection):
    """Tables in MariaDB or MySQL; needs `pip install tradewarden[mysql]`."""

    host: Word = Field("127.0.0.1", description="the server; a path is its Unix socket")
    port: int = Field(3306, ge=1, le=65535, description="of the server")
    user: Word = Field("tradewarden", description="who may create tables in the database")
    password: SecretStr | None = Field(None, min_length=1, description="the same user's")
    database: Name = Field("tradewarden", description="it must be there; the tables are made")
    table_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]*$")] = Field("", description="before every table's name")
    tls: bool = Field(default=False, description="encrypt, and check the server's certificate")
    depth: bool = Field(default=True, description="each tick's five levels too, 120 bytes; the newest are kept anyway")
    keep_days: int = Field(0, ge=0, le=3650, description="ticks of older days are deleted once a day; 0 keeps them all")
    batch: int = Field(50, ge=1, le=500, description="records that are worth a transaction; 500 when it is behind")
    seconds: float = Field(1.0, ge=0.001, le=60, description="how long the oldest record waits for that")


class InfluxSettings(SinkSection):
    """Line protocol over HTTP: InfluxDB 1.x, VictoriaMetrics, QuestDB."""

    url: WebUrl = Field("http://127.0.0.1:8086", description="the server")
    flavour: Literal["influxdb", "victoriametrics", "questdb"] = Field(
        "influxdb", description="what it is; InfluxDB means 1.x"
    )
    database: Name = Field("tradewarden", description="it must be there; what goes into it is made")
    username: Word | None = Field(None, description="if the server knows users")
    password: SecretStr | None = Field(None, min_length=1, description="if the server asks for one")
    bars: bool = Field(default=True, description="whether InfluxDB makes the bars of a second and of a minute")
    depth_levels: int = Field(1, ge=0, le=5, description="of a tick's order book that are kept")
    high_frequency_days: int = Field(7, ge=0, le=3650, description="how long each tick is kept; 0 for ever")
    default_days: int = Field(30, ge=0, le=3650, description="how long the bars of a second are kept; 0 for ever")
    long_term_days: int = Field(365, ge=0, le=36500, description="how long the bars of a minute are kept; 0 for ever")
    batch: int = Field(500, ge=1, le=5000, description="records that are worth a request; 5000 when it is behind")
    seconds: float = Field(0.1, ge=0.001, le=60, description="how long the oldest record waits for that")


class ZmqSettings(SinkSection):
    """A ZeroMQ publisher with topics; needs `pip install tradewarden[zmq]`."""

    host: Word = Field("127.0.0.1", description="the address that subscribers reach; * is every one of this machine")
    port: Port = Field(5555, description="of the frames, topic kite_frames")
    broker: Broker = Field("kite", description="first part of every topic")
    json_ticks: bool = Field(default=False, description="each tick and each order book as a message of JSON too")
    tick_port: Port = Field(5558, description="of the ticks as JSON, topic kite_tick")
    depth_port: Port = Field(5560, description="of the order books as JSON, topic kite_depth")
    high_water: int = Field(1000, ge=10, description="messages that wait for a slow subscriber before it misses some")


class NatsSettings(SinkSection):
    """A stream in NATS JetStream; needs `pip install tradewarden[nats]`."""

    url: NatsUrl = Field("nats://127.0.0.1:4222", description="the server")
    username: Word | None = Field(None, description="if the server knows users")
    password: SecretStr | None = Field(None, min_length=1, description="if the server asks for one")
    token: SecretStr | None = Field(None, min_length=1, description="if the server asks for one instead")
    broker: Broker = Field("kite", description="first part of the stream kite_frames and of its subject kite.frames")
    keep_hours: float = Field(24.0, gt=0, description="how long ticks stay in the stream")
    keep_gb: float = Field(4.0, gt=0, description="and how much of the disk they take at most")
    replicas: int = Field(1, ge=1, le=5, description="servers of a cluster that keep the stream")
    duplicate_minutes: float = Field(2.0, gt=0, description="how long the server knows a message again")


class SinksSettings(Section):
    """The stores that read the journal; each is a table of its own."""

    sqlite: SqliteSettings = SqliteSettings()
    parquet: ParquetSettings = ParquetSettings()
    redis: RedisSettings = RedisSettings()
    mysql: MysqlSettings = MysqlSettings()
    influx: InfluxSettings = InfluxSettings()
    zmq: ZmqSettings = ZmqSettings()
    nats: NatsSettings = NatsSettings()


def about_sinks(sinks: SinksSettings) -> Iterator[str]:
    """What works but will surprise somebody, one sentence each."""
    for name in type(sinks).model_fields:
        section: SinkSection = getattr(sinks, name)
        if not section.enabled and section.model_fields_set - {"enabled"} and "enabled" not in section.model_fields_set:
            yield f"sinks.{name} is set up but no tick goes there: set sinks.{name}.enabled = true."
