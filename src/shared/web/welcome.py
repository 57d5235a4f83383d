"""What a server says to the person who started it, and to a program at its root: where to go from here."""

import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from shared.settings import Settings
from shared.version import VERSION
from shared.web.routes import Routes

_LINKS: Final = {
    "health": "/health/ready",
    "documents": "/api/v1/documents",
    "search": "/api/v1/search",
    "monitor": "/api/v1/monitor",
    "metrics": "/metrics",
    "openapi": "/api/v1/openapi.json",
}
_COMMANDS: Final = ("ingest FOLDER", "search 노트북 관세율", "status")


def welcome(url: str, settings: Settings) -> str:
    """Some lines for a terminal: what to open, what to try, and where everything is kept."""
    seoga = _program()
    lines = [f"  documents are kept in  {settings.data_dir.absolute()}", f"  open                   {url}/"]
    for number, command in enumerate(_COMMANDS):
        lines.append(f"  {'' if number else 'try, in another shell':<21}  {seoga} {command}")
    return "\n".join([*lines, "Ctrl-C ends it; nothing is lost."])


def build_welcome_router(is_ready: Callable[[], Awaitable[bool]]) -> APIRouter:
    """`GET /` for programs: where everything is. It is open, as health is; browsers find a page there."""
    router = Routes()

    @router.get("/", include_in_schema=False)
    async def root() -> Response:
        content: dict[str, Any] = {"name": "Seoga", "version": VERSION, "ready": await is_ready(), "links": _LINKS}
        return JSONResponse(content, headers={"Vary": "Accept", "Cache-Control": "no-store"})

    return router


def _program() -> str:
    """As it was called, where that is how it can be called again."""
    called = sys.argv[0]
    found = shutil.which("seoga")
    if found is not None and Path(found) == Path(called).absolute():
        return "seoga"
    return called if Path(called).name == "seoga" else "seoga"
