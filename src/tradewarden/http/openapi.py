"""The document of the API, and the page that is made of it: files, read when somebody asks for them."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from tradewarden.http.pages import POLICY

FOLDER: Final = Path(__file__).with_name("reference")
DOCUMENT: Final = FOLDER / "openapi.json"
PAGE: Final = FOLDER / "docs.html"
_HEADERS: Final = MappingProxyType({"Cache-Control": "no-cache"})


def routes() -> list[web.RouteDef]:
    """GET /openapi.json and GET /docs; nothing of them is kept in memory."""
    return [web.get("/openapi.json", document), web.get("/docs", page)]


async def document(_request: web.Request) -> web.FileResponse:
    """OpenAPI 3.1, for programs."""
    return web.FileResponse(DOCUMENT, headers=_HEADERS | {"Content-Type": "application/json"})


async def page(_request: web.Request) -> web.FileResponse:
    """The same for people."""
    kind = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY}
    return web.FileResponse(PAGE, headers=_HEADERS | kind)
