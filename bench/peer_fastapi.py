"""The peer of the health answer: a FastAPI handler that returns the same document as a dict, and the same as bytes.

The document is in the file that HEALTH_BODY names; `python -m uvicorn peer_fastapi:app` serves it by its defaults.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Response

BODY = Path(os.environ["HEALTH_BODY"]).read_bytes()
DOCUMENT = json.loads(BODY)

app = FastAPI()


@app.get("/api/system/health", response_model=None)  # the same as a handler without annotations, the original's
async def health() -> dict[str, Any]:
    """As the original system of this kind answers: a dict whose type nobody declared, made into JSON by FastAPI."""
    return DOCUMENT


@app.get("/declared")
async def declared() -> dict[str, Any]:
    """The same with the return type declared, which present FastAPI serialises by a quicker way."""
    return DOCUMENT


@app.get("/bytes")
async def as_bytes() -> Response:
    """As well as FastAPI can: bytes that were made before."""
    return Response(BODY, media_type="application/health+json", headers={"Cache-Control": "no-cache"})
