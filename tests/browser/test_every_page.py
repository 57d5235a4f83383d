"""What holds for every page: accessible, small, quick, from this server alone, in both languages and themes."""

import json
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from looking import expect

PAGES: Final = [
    "/",
    "/?q=노트북",
    "/?q=zzxxqq",
    "/documents",
    "READING",
    "READING&view=text",
    "READING&view=tables",
    "/settings",
    "/hs-codes?q=laptop",
    "/hs-codes",
    "/hs-codes/8471.30",
    "/monitor",
]
_MOST_BYTES: Final = 300_000
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="session")
def axe() -> str:
    """The engine's source, which is put into the page from outside: its policy lets nothing else in."""
    axe = pytest.importorskip("axe_playwright_python")
    return (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def address(path: str, shelf: httpx.Client) -> str:
    """READING: a document opened at a passage that has a place on its page."""
    if not path.startswith("READING"):
        return path
    document = shelf.get("/api/v1/documents", params={"name": "import-procedure"}).json()["items"][0]
    chunks = shelf.get(document["links"]["chunks"]).json()["items"]
    chunk = next(one for one in chunks if one["box"])
    box = ",".join(str(chunk["box"][side]) for side in ("left", "top", "right", "bottom"))
    place = f"start={chunk['start']}&end={chunk['end']}&page={chunk['page']}&box={box}&q=declaration"
    return f"/documents/{document['id']}?{place}{path.removeprefix('READING')}"


def settled(page: Any) -> None:
    """Streams stay open, so that the network is never quiet: what waits says so."""
    page.wait_for_function(
        "() => document.querySelector('#tools button') && !document.querySelector('main .waiting:not([hidden])')"
    )
    page.wait_for_function("() => !document.querySelector('main [aria-busy]')")


def serious_findings(page: Any, axe: str) -> list[tuple[str, str, str]]:
    """Rule, element and what to do."""
    page.evaluate(axe)
    options = {"runOnly": {"type": "tag", "values": _RULES}}
    found = page.evaluate(f"axe.run(document, {json.dumps(options)}).then((result) => result.violations)")
    return [
        (one["id"], node["html"][:200], node["failureSummary"])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_what_keeps_somebody_out_is_noticed(shelf: httpx.Client, open_page: Any, axe: str) -> None:
    page = open_page(shelf, "/settings")
    settled(page)
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert [rule for rule, _, _ in serious_findings(page, axe)] == ["label"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("language", "theme", "phone"), [("ko", "light", False), ("en", "dark", True)])
def test_nothing_serious_keeps_anybody_out(
    shelf: httpx.Client, open_page: Any, axe: str, path: str, language: str, theme: str, phone: bool
) -> None:
    page = open_page(shelf, address(path, shelf), language=language, theme=theme, phone=phone)
    settled(page)
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert serious_findings(page, axe) == []
    # Nothing hangs over the side of a narrow screen.
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/", "/documents", "/settings"])
def test_a_first_visit_is_small(shelf: httpx.Client, open_page: Any, path: str) -> None:
    page = open_page(shelf, path)
    settled(page)
    sizes = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".filter((one) => !one.name.includes('/api/')).map((one) => [one.name, one.transferSize])"
    )
    assert len(sizes) > 5
    assert sum(size for _, size in sizes) <= _MOST_BYTES, sizes


def test_a_second_visit_sends_nothing_again(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/")
    settled(page)
    statuses: list[tuple[str, int]] = []
    page.on("response", lambda one: statuses.append((one.url, one.status)) if "/shell/" in one.url else None)
    page.reload()
    settled(page)
    assert statuses and {status for _, status in statuses} <= {200, 304}
    sent = page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/shell/'))"
        ".map((one) => one.transferSize)"
    )
    # Headers alone, or nothing where the browser's own cache answers.
    assert max(sent) < 1500


def test_language_and_theme_are_kept(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/documents", language="ko")
    settled(page)
    page.click("#language")
    page.wait_for_selector("html[lang=en]")
    settled(page)
    for theme in ("light", "dark"):
        page.click("#theme")
        page.wait_for_selector(f"html[data-theme={theme}]")
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_every_page_says_when_the_server_is_away_and_goes_on_when_it_is_back(
    shelf: httpx.Client, open_page: Any
) -> None:
    page = open_page(shelf, "/", expected=("ERR_INTERNET_DISCONNECTED",))
    settled(page)
    page.context.set_offline(True)
    page.fill("#query", "관세")
    page.wait_for_function("() => document.getElementById('state').textContent")
    page.wait_for_selector("#remarks .callout.bad")
    page.context.set_offline(False)
    page.wait_for_function("() => !document.getElementById('state').textContent")
    page.click("#remarks .link")
    page.wait_for_selector(".hit")
