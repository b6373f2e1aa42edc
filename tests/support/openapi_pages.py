"""The document of the API and its page, which the daemon serves, written from the code: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tradewarden.http import openapi, openapi_document, openapi_page


@cache
def document() -> str:
    """Every path, for programs."""
    return json.dumps(openapi_document.document(), indent=1, ensure_ascii=False) + "\n"


def page() -> str:
    """The same for people."""
    return openapi_page.page(json.loads(document()))


WRITTEN: dict[Path, Callable[[], str]] = {openapi.DOCUMENT: document, openapi.PAGE: page}


def write() -> None:
    """Write both."""
    for file, text in WRITTEN.items():
        file.write_text(text(), encoding="utf-8")
