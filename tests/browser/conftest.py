"""Pages in a real headless Chromium: any error in its console and any request to elsewhere fails the test."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from whole_server import a_whole_server

SHOTS: Final = Path(__file__).parents[2] / ".browser"
_MISSING: Final = "needs Chromium and playwright (make test-browser)"
OpenPage = Callable[..., Any]
_LATE: Final = """
  const own = window.fetch;
  const late = () => new Promise((go) => { setTimeout(go, Math.random() * %d); });
  window.fetch = async (...given) => { await late(); const answer = await own(...given); await late(); return answer; };
"""
"""Requests go out, and answers come in, late and in another order each time: what a test must not rely on."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Fixtures see whether the test failed."""
    report: Any = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED: Final = pytest.StashKey[bool]()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; skipped where there is none, unless this is continuous integration.

    One a file: while playwright is there, its event loop runs, and no asynchronous test of another file could.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail(_MISSING)
        pytest.skip(_MISSING)
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=program, args=arguments)
        yield running
        running.close()


@pytest.fixture(scope="module")
def shelf(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One server for the tests of a file, with the sample documents in it."""
    with a_whole_server(tmp_path_factory.mktemp("data")) as client:
        after = client.post("/api/v1/samples").raise_for_status().json()["after"]
        # It waits ten seconds at most, and the first model takes longer on a busy machine.
        for _ in range(12):
            found = client.post("/api/v1/search", json={"query": "관세", "after": after}).json()
            if "after" not in found["degraded"]:
                break
        yield client


@pytest.fixture
def open_page(browser: Any, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """`open_page(server, path, language=…, theme=…, phone=…)`; a picture of what failed is kept in .browser/."""
    opened: list[tuple[Any, Any, list[str]]] = []

    def open_(
        server: httpx.Client,
        path: str,
        *,
        language: str = "ko",
        theme: str = "light",
        phone: bool = False,
        context: Any = None,
        expected: tuple[str, ...] = (),
        punctual: bool = False,
    ) -> Any:
        """`expected`: parts of messages in the console that belong to the test, such as an answer of 401.

        `punctual`: the test itself says when requests go out and answers come in.
        """
        if context is None:
            context = browser.new_context(
                base_url=str(server.base_url),
                locale={"ko": "ko-KR", "en": "en-US"}[language],
                color_scheme=theme,
                viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 860},
                reduced_motion="reduce",
            )
        latest = int(os.environ.get("SEOGA_TEST_LATE_MILLISECONDS", "0"))
        if latest and not punctual:
            context.add_init_script(_LATE % latest)
        page = context.new_page()
        page.set_default_timeout(20_000)
        wrong: list[str] = []

        def note(text: str) -> None:
            if not any(part in text for part in expected):
                wrong.append(text)

        def refuse(dialog: Any) -> None:
            note(f"a dialog: {dialog.message}")
            dialog.dismiss()

        origin = str(server.base_url).rstrip("/")
        page.on("console", lambda message: note(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: note(str(error)))
        page.on("dialog", refuse)
        page.on(
            "request",
            lambda one: None if one.url.startswith((origin, "data:", "blob:")) else note(f"a request to {one.url}"),
        )
        opened.append((context, page, wrong))
        page.goto(path)
        return page

    yield open_
    failed = request.node.stash.get(_FAILED, True)
    told: list[str] = []
    for number, (_, page, wrong) in enumerate(opened):
        told += wrong
        if failed or wrong:
            SHOTS.mkdir(exist_ok=True)
            name = "".join(letter if letter.isalnum() else "_" for letter in request.node.name)
            page.screenshot(path=SHOTS / f"{name}-{number}.png")
    for context, _, _ in opened:
        context.close()
    assert told == []
