#!/usr/bin/env python3
"""The provisioning of Grafana: where the ticks are and how they are shown, in files that a Grafana reads as it starts.

provision.py SHIPPED FOLDER URL [SEEN_AS]

SHIPPED holds datasource.yaml and tradewarden.json, URL is InfluxDB's; SEEN_AS is the folder as Grafana sees it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PRESET = "http://127.0.0.1:8086"
PROVIDER = """\
apiVersion: 1
providers:
  - name: tradewarden
    type: file
    options:
      path: {folder}
"""


def provision(shipped: Path, folder: Path, url: str, seen_as: Path) -> None:
    """Write the files; each is looked at first, so that no Grafana is the first to find it broken."""
    source, dashboard = (shipped / "datasource.yaml").read_text(), (shipped / "tradewarden.json").read_text()
    if PRESET not in source:
        raise SystemExit(f"{shipped / 'datasource.yaml'} does not name {PRESET} any more: it cannot be adapted")
    panels = len(json.loads(dashboard)["panels"])
    files = {
        "datasources/tradewarden.yaml": source.replace(PRESET, url),
        "dashboards/tradewarden.yaml": PROVIDER.format(folder=seen_as / "shown"),
        "shown/tradewarden.json": dashboard,
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    print(f"a source at {url} and a dashboard of {panels} panels in {folder}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case [shipped, folder, url]:
            provision(Path(shipped), Path(folder), url, Path(folder).resolve())
        case [shipped, folder, url, seen_as]:
            provision(Path(shipped), Path(folder), url, Path(seen_as))
        case _:
            raise SystemExit("usage: provision.py SHIPPED FOLDER URL [SEEN_AS]")
