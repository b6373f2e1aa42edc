"""The document of the API, and the page that is made of it: files, read when somebody asks for them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from types import MappingProxyType
from typing import Final

from aiohttp import web

from tradewarden.http.pages import POLICY
from tradewarden.http.visitors import is_control, is_local

FOLDER: Final = Path(__file__).with_name("reference")
DOCUMENT: Final = FOLDER / "openapi.json"
PAGE: Final = FOLDER / "docs.html"
DESK: Final = "http://desk.invalid"  # where the page's file has the desk's address; nobody can have this name
_PROGRAMS: Final = MappingProxyType({"Content-Type": "application/json"})
_PEOPLE: Final = MappingProxyType({"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": POLICY})


def routes(public_url: str) -> list[web.RouteDef]:
    """GET /openapi.json and GET /docs; nothing of them is kept in memory."""

    async def document(request: web.Request) -> web.Response:
        return _sent(request, await asyncio.to_thread(DOCUMENT.read_bytes), _PROGRAMS)

    async def page(request: web.Request) -> web.Response:
        text = await asyncio.to_thread(PAGE.read_bytes)
        return _sent(request, text.replace(DESK.encode(), escape(_asked(request, public_url)).encode()), _PEOPLE)

    return [web.get("/openapi.json", document), web.get("/docs", page)]


def _sent(request: web.Request, body: bytes, kind: Mapping[str, str]) -> web.Response:
    etag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"Cache-Control": "no-cache", "ETag": etag}
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers={**headers, **kind})


def _asked(request: web.Request, public_url: str) -> str:
    """The desk's address: as it was asked from this machine, else as it is configured.

    A Host may be anything that somebody made up; only a name of this machine, with its port, is taken from it.
    """
    if is_control(request) or not is_local(request):
        return public_url
    return str(request.url.origin())
