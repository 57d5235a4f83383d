"""Pages: in the reader's language, at their paths, with ETags by content, and nothing but files that belong to them."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from shared.runtime.page import Page
from shared.web.methods import HeadAsGet
from shared.web.pages import SHELL, SHELL_PAGES, build_pages_router
from shared.web.problems import install_problem_handlers

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A module's pages: `/` and `/shelf/{book}`."""
    root = tmp_path / "pages"
    (root / "locales").mkdir(parents=True)
    for language, title in (("ko", "책장 <b>"), ("en", "Shelf <b>")):
        words = {"shelf.title": title, "book.title": "x", "book.nav": "</script><script>alert(1)</script>"}
        (root / "locales" / f"{language}.json").write_text(json.dumps(words), encoding="utf-8")
    (root / "shelf.html").write_text("<h1>{{shelf.title}}</h1>", encoding="utf-8")
    (root / "shelf.js").write_text('import { t } from "/shell/words.js";\n' + "// long\n" * 200, encoding="utf-8")
    (root / "book.html").write_text("<h1>{{book.title}}</h1>", encoding="utf-8")
    (root / "__init__.py").write_text("SECRET = 1\n", encoding="utf-8")
    (tmp_path / "outside.js").write_text("outside", encoding="utf-8")
    return root


@asynccontextmanager
async def a_client(*pages: Page) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(build_pages_router([*SHELL_PAGES, *pages]))
    app.add_middleware(HeadAsGet)

    @app.get("/")
    async def root() -> dict[str, str]:
        return {"name": "for programs"}

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        yield client


def pages_in(folder: Path) -> tuple[Page, ...]:
    return (
        Page("shelf", "/", folder, "books", place=1),
        Page("book", "/shelf/{book}", folder, "books", place=2),
    )


async def test_a_page_is_in_the_language_that_was_chosen_or_is_asked_for(folder: Path) -> None:
    asked = [
        ({"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}, "ko"),
        ({"accept-language": "fr, en;q=0.5, ko;q=0.7"}, "ko"),
        ({"accept-language": "de"}, "en"),
        ({}, "en"),
        ({"accept-language": "en", "cookie": "seoga_language=ko"}, "ko"),
        ({"accept-language": "ko", "cookie": 'seoga_language="><script>'}, "ko"),
    ]
    async with a_client(*pages_in(folder)) as client:
        for headers, language in asked:
            page = await client.get("/", headers={**HTML, **headers})
            assert page.headers["content-language"] == language, headers
            assert f'<html lang="{language}">' in page.text
            assert ("책장 &lt;b&gt;" if language == "ko" else "Shelf &lt;b&gt;") in page.text


async def test_words_and_names_cannot_become_markup(folder: Path) -> None:
    async with a_client(*pages_in(folder)) as client:
        page = await client.get("/", headers={**HTML, "cookie": 'seoga_theme="><script>alert(1)</script>'})
    scripts = re.findall(r"<script[^>]*>", page.text)
    assert all('type="module" src="/' in one or 'type="application/json"' in one for one in scripts)
    assert len(scripts) == 3
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy and "script-src 'self'" in policy and policy.startswith("default-src 'none'")
    assert "style=" not in page.text


async def test_the_navigation_has_the_pages_of_the_modules_that_are_there(folder: Path) -> None:
    shelf, book = pages_in(folder)
    async with a_client(shelf) as client:
        page = (await client.get("/", headers=HTML)).text
        assert '<a href="/" aria-current="page">' in page and "/shelf/" not in page
    async with a_client(book, Page("book", "/other", folder, "books", place=0)) as client:
        moved = await client.get("/", headers=HTML)
        assert (moved.status_code, moved.headers["location"]) == (307, "/other")


async def test_programs_find_at_the_root_what_they_always_found(folder: Path) -> None:
    async with a_client(*pages_in(folder)) as client:
        for headers in ({"accept": "*/*"}, {"accept": "application/json"}, {}):
            assert (await client.get("/", headers=headers)).json() == {"name": "for programs"}


async def test_what_is_as_it_was_is_not_sent_again(folder: Path) -> None:
    async with a_client(*pages_in(folder)) as client:
        for path, headers in (("/", HTML), ("/pages/books/shelf.js", {}), ("/shell/tokens.css", {})):
            first = await client.get(path, headers=headers)
            assert first.headers["content-encoding"] == "gzip"
            again = await client.get(path, headers={**headers, "if-none-match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            plain = await client.get(path, headers={**headers, "accept-encoding": "identity"})
            assert plain.content == first.content and "content-encoding" not in plain.headers
            head = await client.head(path, headers=headers)
            assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])
        english = (await client.get("/", headers={**HTML, "accept-language": "en"})).headers["etag"]
        assert english != (await client.get("/", headers={**HTML, "accept-language": "ko"})).headers["etag"]


@pytest.mark.parametrize(
    "path",
    [
        "/pages/books/../../outside.js",
        "/pages/books/..%2F..%2Foutside.js",
        "/pages/books/%2e%2e/outside.js",
        "/pages/books/__init__.py",
        "/pages/books/shelf.html",
        "/pages/nobody/shelf.js",
        "/shell/../pages.py",
        "/shell/base.html",
        "/shell//etc/passwd",
    ],
)
async def test_only_files_of_pages_are_served(folder: Path, path: str) -> None:
    async with a_client(*pages_in(folder)) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_every_vocabulary_has_the_same_words_in_both_languages_and_no_page_uses_others() -> None:
    source = SHELL.parents[2]
    folders = [SHELL, *source.glob("**/interface/pages")]
    shell = json.loads((SHELL / "locales" / "ko.json").read_text(encoding="utf-8"))
    for folder in folders:
        korean, english = (
            json.loads((folder / "locales" / f"{one}.json").read_text(encoding="utf-8")) for one in ("ko", "en")
        )
        # English alone tells one from many.
        assert {name for name in korean if not name.endswith(".one")} == {
            name for name in english if not name.endswith(".one")
        }, folder
        for name in korean:
            gaps = [sorted(re.findall(r"\{\w+\}", words[name])) for words in (korean, english)]
            assert gaps[0] == gaps[1], (folder, name)
        for file in (one for one in folder.rglob("*") if one.suffix in (".html", ".js")):
            text = file.read_text(encoding="utf-8")
            used = re.findall(r"\{\{([\w-]+\.[\w.-]+)\}\}", text) + re.findall(r'\bt\("([\w-]+\.[\w.-]+)"', text)
            assert [one for one in used if one not in korean and one not in shell] == [], file
