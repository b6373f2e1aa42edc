#!/usr/bin/env python3
"""The setup of MariaDB: the database and the user that the desk writes with; run again it changes nothing.

database.py SOCKET DATABASE
"""

from __future__ import annotations

import subprocess
import sys

PATIENCE = 20.0  # seconds
STATEMENTS = (
    "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4",
    "CREATE USER IF NOT EXISTS 'tradewarden'@'127.0.0.1'",
    "GRANT ALL ON `{name}`.* TO 'tradewarden'@'127.0.0.1'",
)


def set_up(socket: str, name: str) -> None:
    """Make what is not there yet."""
    asked = ";\n".join(statement.format(name=name) for statement in STATEMENTS)
    subprocess.run(
        ["mariadb", "--no-defaults", f"--socket={socket}", f"--execute={asked}"], check=True, timeout=PATIENCE
    )
    print(f"database {name} and its user are there", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [socket, name] if name.isidentifier():
            set_up(socket, name)
        case _:
            raise SystemExit("usage: database.py SOCKET DATABASE")
