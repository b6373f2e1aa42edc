#!/usr/bin/env python3
"""A server of Debian's, on this machine only, with its files in a folder of the desk's own.

server.py redis | mariadb | influxdb  PORT  FOLDER

It becomes the server once the folder is made: what the keeper watches, stops and restarts is the server itself.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path

HOST = "127.0.0.1"
INSTALLING = 60.0  # seconds
SMALL = ("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M")  # 100 MB less to write at the first start
# MariaDB greets only hosts of which it knows a user: this one, whom nobody can be, lets it greet before the setup.
GREETING = "CREATE USER IF NOT EXISTS 'nobody'@'127.0.0.1' ACCOUNT LOCK;\n"


def redis(port: int, folder: Path) -> list[str]:
    """Redis with a log of what was written, so that it comes back with it."""
    return [
        *("redis-server", "--bind", HOST, "--port", str(port), "--dir", str(folder), "--daemonize", "no"),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "everysec"),
    ]


def mariadb(port: int, folder: Path) -> list[str]:
    """MariaDB; its root is whoever runs this desk, by the socket in the folder and by nothing else."""
    data, user = folder / "data", getpass.getuser()
    if not (data / "mysql").is_dir():
        print(f"a new database in {data}", flush=True)
        shutil.rmtree(data, ignore_errors=True)  # what an attempt left that broke off
        made = folder / "making"
        shutil.rmtree(made, ignore_errors=True)
        subprocess.run(
            [
                *("mariadb-install-db", "--no-defaults", f"--datadir={made}", f"--user={user}", "--skip-test-db"),
                *("--auth-root-authentication-method=socket", f"--auth-root-socket-user={user}", *SMALL),
            ],
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=INSTALLING,
        )
        made.rename(data)
    (folder / "greeting.sql").write_text(GREETING, encoding="ascii")
    return [
        *("mariadbd", "--no-defaults", f"--user={user}", f"--datadir={data}", f"--port={port}"),
        *(f"--bind-address={HOST}", "--socket=../socket", "--pid-file=../pid", "--skip-name-resolve"),
        *(f"--init-file={folder}/greeting.sql", "--skip-log-bin", *SMALL),
    ]


def influxdb(port: int, folder: Path) -> list[str]:
    """InfluxDB 1.x; what it is to do stands in its environment."""
    settings = {
        "REPORTING_DISABLED": "true",
        "META_DIR": f"{folder}/meta",
        "DATA_DIR": f"{folder}/data",
        "DATA_WAL_DIR": f"{folder}/wal",
        "DATA_QUERY_LOG_ENABLED": "false",
        "HTTP_BIND_ADDRESS": f"{HOST}:{port}",
        "HTTP_LOG_ENABLED": "false",
        "BIND_ADDRESS": f"{HOST}:0",  # for backups, which this desk does not make
        "MONITOR_STORE_ENABLED": "false",
    }
    os.environ.update({f"INFLUXDB_{name}": value for name, value in settings.items()})
    return ["influxd", "run", "-config", os.devnull]


SERVERS = {
    "redis": (redis, "redis-server"),
    "mariadb": (mariadb, "mariadb-server"),
    "influxdb": (influxdb, "influxdb"),
}


def become(name: str, port: int, folder: Path) -> None:
    """Prepare the folder and be the server."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    server, package = SERVERS[name]
    try:
        command = server(port, folder.resolve())
        os.execvp(command[0], command)  # noqa: S606 - the program is one of ours above
    except FileNotFoundError as missing:
        raise SystemExit(f"{missing.filename} is not installed: apt-get install {package}") from None
    except subprocess.CalledProcessError as failed:
        raise SystemExit(f"{failed.cmd[0]} ended with {failed.returncode}; what it said stands above") from None


if __name__ == "__main__":
    match sys.argv[1:]:
        case [name, port, folder] if name in SERVERS and port.isdecimal():
            become(name, int(port), Path(folder))
        case _:
            raise SystemExit(f"usage: server.py {' | '.join(SERVERS)} PORT FOLDER")
