"""Serves the pages of the web interface: each in the shell, in the reader's language, with ETags by content.

A page holds no data, so that it is open to everybody; what it shows it asks of the HTTP API, as any client does.
"""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope
from typing_extensions import override

from shared.kernel import NotFound
from shared.runtime.page import Page
from shared.web.routes import Routes

SHELL: Final = Path(__file__).parent / "shell"
LANGUAGES: Final = ("ko", "en")
THEMES: Final = ("light", "dark")
LANGUAGE_COOKIE: Final = "seoga_language"
THEME_COOKIE: Final = "seoga_theme"
SHELL_PAGES: Final = (
    Page("sign-in", "/sign-in", SHELL, "shell"),
    Page("settings", "/settings", SHELL, "shell", place=90, needs="operate"),
)
"""Pages of no module."""
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # The ETag decides: an upgrade is seen at once, and what is as it was is not sent again.
    "Cache-Control": "no-cache",
}
_WORD: Final = re.compile(r"\{\{([\w.-]+)\}\}")
_SMALL: Final = 1024
"""Bytes below which nothing is gained by compressing."""

Words = Mapping[str, str]


@dataclass(frozen=True)
class _Body:
    """What is sent, plain and compressed."""

    plain: bytes
    kind: str

    @cached_property
    def etag(self) -> str:
        return f'"{sha256(self.plain).hexdigest()[:32]}"'

    @cached_property
    def packed(self) -> bytes:
        return gzip.compress(self.plain, mtime=0)

    def answer(self, request: Request, vary: str = "Accept-Encoding") -> Response:
        headers = {**_SECURITY, "ETag": self.etag, "Vary": vary}
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self.plain
        if len(body) > _SMALL and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = self.packed
        return Response(body, media_type=self.kind, headers=headers)


class _ForBrowsers(APIRoute):
    """The root is a page for who asks for HTML by name; programs find there what the next route says."""

    @override
    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        accept = dict(scope.get("headers", ())).get(b"accept", b"")
        if b"text/html" not in accept:
            return Match.NONE, {}
        return super().matches(scope)


class PageServer:
    """Reads nothing before the first page is asked for; what was read is kept, as the code is."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._named = {f"{page.folder_name}/{page.name}": page for page in pages}
        self._folders = {"shell": SHELL, **{page.folder_name: page.folder for page in pages}}
        self._files = cache(self._find_files)
        self._words = cache(self._read_words)
        self._composed = cache(self._compose)

    def page(self, page: Page, request: Request) -> Response:
        """The page as this browser wants it: language and theme are cookies, which the shell's script sets."""
        language = _language(request)
        theme = request.cookies.get(THEME_COOKIE, "")
        body = self._composed(f"{page.folder_name}/{page.name}", language, theme if theme in THEMES else "")
        response = body.answer(request, "Accept-Encoding, Accept-Language, Cookie")
        response.headers["Content-Language"] = language
        return response

    def file(self, folder: str, name: str, request: Request) -> Response:
        """Raises NotFound; only files that were found in the folders are looked up, so no name leads out of them."""
        found = self._files().get(f"{folder}/{name}")
        if found is None:
            raise NotFound(f"There is no file {name!r} for pages.")
        return found.answer(request)

    def _find_files(self) -> dict[str, _Body]:
        found = {}
        for folder, root in self._folders.items():
            for path in sorted(root.rglob("*")):
                if path.suffix in _TYPES and path.suffix != ".html":
                    name = path.relative_to(root).as_posix()
                    found[f"{folder}/{name}"] = _Body(path.read_bytes(), _TYPES[path.suffix])
        return found

    def _read_words(self, folder: str, language: str) -> Words:
        path = self._folders[folder] / "locales" / f"{language}.json"
        words: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return words

    def _compose(self, name: str, language: str, theme: str) -> _Body:
        page = self._named[name]
        words = {**self._words("shell", language), **self._words(page.folder_name, language)}
        content = (page.folder / f"{page.name}.html").read_text(encoding="utf-8")
        # As data, which no policy takes for code; `<` could end the element.
        carried = json.dumps(words, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        parts = {
            "language": language,
            "theme": f' data-theme="{theme}"' if theme else "",
            "title": escape(words.get(f"{page.name}.title", page.name)),
            "navigation": self._navigation(page, language),
            "head": self._own_head(page),
            "words": carried,
            "content": _filled(content, words),
        }
        base = (SHELL / "base.html").read_text(encoding="utf-8")
        html = _WORD.sub(lambda found: parts.get(found[1]) or _told(words, found[1], parts), base)
        return _Body(html.encode(), _TYPES[".html"])

    def _navigation(self, current: Page, language: str) -> str:
        shown = sorted((page for page in self._pages if page.place is not None), key=lambda page: page.place or 0)
        lines = []
        for page in shown:
            words = self._words(page.folder_name, language)
            label = escape(words.get(f"{page.name}.nav", words.get(f"{page.name}.title", page.name)))
            here = ' aria-current="page"' if page is current else ""
            needs = f' data-needs="{escape(page.needs)}"' if page.needs else ""
            lines.append(f'<li{needs}><a href="{escape(page.path)}"{here}>{label}</a></li>')
        return "\n".join(lines)

    def _own_head(self, page: Page) -> str:
        base = "/shell" if page.folder_name == "shell" else f"/pages/{page.folder_name}"
        lines = []
        if (page.folder / f"{page.name}.css").exists():
            lines.append(f'<link rel="stylesheet" href="{base}/{page.name}.css">')
        if (page.folder / f"{page.name}.js").exists():
            lines.append(f'<script type="module" src="{base}/{page.name}.js"></script>')
        return "\n".join(lines)


def build_pages_router(pages: Sequence[Page]) -> APIRouter:
    """Every page at its path, the files of pages below `/pages/`, those of the shell below `/shell/`."""
    router = Routes(include_in_schema=False)
    server = PageServer(pages)

    def add(page: Page) -> None:
        async def shown(request: Request) -> Response:
            return server.page(page, request)

        kind = _ForBrowsers if page.path == "/" else APIRoute
        router.add_api_route(page.path, shown, methods=["GET"], route_class_override=kind, name=f"page_{page.name}")

    for page in pages:
        add(page)
    navigable = sorted((page for page in pages if page.place is not None), key=lambda page: page.place or 0)
    if navigable and all(page.path != "/" for page in pages):

        async def first() -> Response:
            return RedirectResponse(navigable[0].path, status_code=307, headers={"Vary": "Accept"})

        router.add_api_route("/", first, methods=["GET"], route_class_override=_ForBrowsers)

    @router.get("/shell/{name:path}")
    async def shell_file(name: str, request: Request) -> Response:
        return server.file("shell", name, request)

    @router.get("/pages/{folder}/{name:path}")
    async def page_file(folder: str, name: str, request: Request) -> Response:
        return server.file(folder, name, request)

    return router


def _language(request: Request) -> str:
    """What the reader chose, else the first of ours that the browser asks for, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    wishes = []
    for place, wish in enumerate(request.headers.get("accept-language", "").split(",")):
        name, _, weight = wish.strip().partition(";q=")
        language = name.partition("-")[0].lower()
        if language in LANGUAGES:
            wishes.append((-_number(weight), place, language))
    return min(wishes)[2] if wishes else "en"


def _number(weight: str) -> float:
    try:
        return float(weight) if weight else 1.0
    except ValueError:
        return 0.0


def _filled(html: str, words: Words) -> str:
    return _WORD.sub(lambda found: escape(words.get(found[1], found[1])), html)


def _told(words: Words, name: str, parts: Mapping[str, str]) -> str:
    return "" if name in parts else escape(words.get(name, name))
