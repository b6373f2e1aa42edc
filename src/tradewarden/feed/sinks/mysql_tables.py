"""Makes the tables in the database, or finds them fit; a database that is not ours is named and left as it is."""
# ruff: noqa: S608 - numbers are written by %d, text in hexadecimal, names quoted: mysql_text.py

from __future__ import annotations

from typing import Final

from tradewarden.feed.sinks.mysql_schema import STEPS, TABLES, VERSION, Column, create, faults
from tradewarden.feed.sinks.mysql_server import Server
from tradewarden.feed.sinks.mysql_text import quoted, text
from tradewarden.feed.sinks.sink import SinkMisfitError

LEAST_PACKET: Final = 1 << 20  # bytes of one statement; ours has a quarter of that

Shapes = dict[str, tuple[str, list[Column]]]


async def ensure(server: Server, prefix: str) -> None:
    """Make what is missing, bring an older version up to ours. Raises SinkMisfitError, and has written nothing then."""
    ((packet,),) = await server.ask("SELECT @@max_allowed_packet")
    if packet < LEAST_PACKET:
        raise SinkMisfitError(
            f"{server.told} takes no statement above {packet} bytes; set its max_allowed_packet to 1M or more."
        )
    there = await _shapes(server, prefix)
    versions = quoted(prefix + "schema_version")
    version = await _version(server, versions) if "schema_version" in there else VERSION
    if version > VERSION:
        raise SinkMisfitError(
            f"the tables {prefix}* of {server.database!r} at {server.told} have version {version}, "
            f"this program knows {VERSION}: use a newer tradewarden, or another sinks.mysql.table_prefix."
        )
    for step in range(version + 1, VERSION + 1):
        for statement in STEPS[step]:
            await server.ask(statement.format(prefix=prefix))
    _refuse_misfits(await _shapes(server, prefix) if version < VERSION else there, server, prefix)
    for table in TABLES:
        if table not in there:
            await server.ask(create(table, quoted(prefix + table)))
    await server.ask(f"INSERT INTO {versions} VALUES ({VERSION:d}) ON DUPLICATE KEY UPDATE `version`=`version`")
    await server.ask("COMMIT")


def all_names(prefix: str) -> str:
    """Our tables' names as a list in SQL."""
    return ",".join(text(prefix + table) for table in TABLES)


async def _version(server: Server, versions: str) -> int:
    ((version,),) = await server.ask(f"SELECT MAX(`version`) FROM {versions}")
    return VERSION if version is None else int(version)


async def _shapes(server: Server, prefix: str) -> Shapes:
    """Those of our tables that are there: engine and columns."""
    found = await server.ask(
        "SELECT t.table_name, t.engine, c.column_name, c.column_type, c.is_nullable, c.column_default, c.column_key,"
        " c.extra FROM information_schema.tables t JOIN information_schema.columns c"
        " ON c.table_schema=t.table_schema AND c.table_name=t.table_name"
        f" WHERE t.table_schema={text(server.database)} AND t.table_name IN ({all_names(prefix)})"
    )
    shapes: Shapes = {}
    for table, engine, column, kind, nullable, default, key, extra in found:
        _, columns = shapes.setdefault(str(table).removeprefix(prefix), (str(engine), []))
        has_default = default is not None or "auto_increment" in extra or "GENERATED" in extra
        columns.append(Column(column, kind, nullable == "YES", has_default, key == "PRI"))
    return shapes


def _refuse_misfits(shapes: Shapes, server: Server, prefix: str) -> None:
    for table, (engine, columns) in shapes.items():
        problems = faults(table, engine, columns)
        if problems:
            raise SinkMisfitError(
                f"table {prefix}{table} of {server.database!r} at {server.told} is not ours: "
                f"{'; '.join(problems)}. Rename it, or set another sinks.mysql.table_prefix."
            )
