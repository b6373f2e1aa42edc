"""What a MySQL server means by its error numbers: come again, call a person, or this row never."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tradewarden.feed.sinks.mysql_driver import MySQLError
from tradewarden.feed.sinks.sink import SinkMisfitError, SinkUnavailableError

# The row breaks a rule of the table (type, range, constraint, trigger): it will break it next time too.
ROW: Final = frozenset(
    {1048, 1062, 1216, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1452, 1526, 1644, 1690, 1748, 3819, 4025}
)
_AWAY: Final = MappingProxyType(
    {
        1021: "its disk is full",
        1026: "it cannot write its file",
        1040: "it has too many connections",
        1053: "it is shutting down",
        1114: "the table or its disk is full",
        1205: "it waited too long for a lock that somebody else holds",
        1213: "it broke a deadlock by taking this batch back",
        1290: "it is read-only now",
        1836: "it is read-only now",
        1927: "it ended the connection",
        2003: "nobody answers",
        2006: "it went away",
        2013: "the connection broke off",
    }
)


def code_of(error: BaseException) -> int:
    """The server's number for this error; 0 when it is not the server's."""
    arguments = error.args
    return arguments[0] if isinstance(error, MySQLError) and arguments and isinstance(arguments[0], int) else 0


def words_of(error: BaseException) -> str:
    """The server's own words."""
    return f"{error.args[1]} ({error.args[0]})" if code_of(error) and len(error.args) > 1 else str(error)


def trouble(error: BaseException, *, server: str, user: str, database: str) -> SinkUnavailableError | SinkMisfitError:
    """The error as the rest of the desk understands it."""
    match code_of(error):
        case 1045 | 1698:
            return SinkMisfitError(
                f"{server} refuses user {user!r}: {words_of(error)}; set sinks.mysql.user and sinks.mysql.password."
            )
        case 1049:
            return SinkMisfitError(
                f"{server} has no database {database!r}; make it with: "
                f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4; GRANT ALL ON `{database}`.* TO '{user}'@'%';."
            )
        case 1044 | 1142 | 1143 | 1227:
            return SinkMisfitError(
                f"{server} forbids user {user!r} what is needed in {database!r}: {words_of(error)}; "
                f"allow it with: GRANT ALL ON `{database}`.* TO '{user}'@'%';."
            )
        case 1129 | 1130:
            return SinkMisfitError(f"{server} lets this machine in no more: {words_of(error)}; ask its administrator.")
        case code if code in _AWAY:
            return SinkUnavailableError(f"{server}: {_AWAY[code]}: {words_of(error)}.")
        case _:
            return SinkUnavailableError(f"{server}: {words_of(error) or type(error).__name__}.")
