"""The search page: as you type, by keyboard, through an input method, by its address; and from an empty shelf."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from journeys import upload, wait_for
from looking import expect, until
from whole_server import a_whole_server


def searches(page: Any) -> list[str]:
    """The queries that the page sends from now on."""
    sent: list[str] = []
    page.on(
        "request",
        lambda one: sent.append(json.loads(one.post_data)["query"]) if one.url.endswith("/api/v1/search") else None,
    )
    return sent


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_empty_shelf_is_filled_with_one_click(open_page: Any, browser: Any, tmp_path: Path, language: str) -> None:
    with a_whole_server(tmp_path / "data") as server:
        page = open_page(server, "/", language=language)
        page.click("#samples")
        page.click(".tries button", timeout=90_000)
        page.wait_for_selector(".hit mark")
        expect(page.locator("#filter-fields")).to_contain_text("samples")


def test_results_come_as_you_type_and_the_address_holds_everything(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/")
    page.locator("#query").press_sequentially("lithium battery", delay=30)
    page.wait_for_selector(".hit mark")
    page.click("#options button:has-text('낱말') >> nth=1")
    page.check("#grouped")
    page.select_option("#sort", "document")
    page.check("#filter-fields input[type=checkbox] >> nth=0")
    page.wait_for_function("() => new URLSearchParams(location.search).has('collection')")
    page.wait_for_selector("#busy", state="hidden")
    assert parse_qs(urlsplit(page.url).query) == {
        "q": ["lithium battery"],
        "mode": ["keyword"],
        "sort": ["document"],
        "grouped": ["1"],
        "collection": ["samples"],
    }
    names = page.locator(".hit h3").all_inner_texts()
    other = open_page(shelf, page.url)
    expect(other.locator(".hit h3")).to_have_text(names, use_inner_text=True)
    expect(other.locator("#query")).to_have_value("lithium battery")
    expect(other.locator("#grouped")).to_be_checked()
    # Each choice is a step back; a reader who typed goes back by one.
    for _ in range(4):
        page.go_back()
    page.wait_for_function("() => !document.getElementById('grouped').checked")
    until(page, lambda: parse_qs(urlsplit(page.url).query) == {"q": ["lithium battery"]})


def test_nothing_is_asked_in_the_middle_of_a_syllable(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/")
    page.wait_for_selector("#start .empty")
    sent = searches(page)
    page.focus("#query")
    keyboard = page.context.new_cdp_session(page)
    for step in ("ㄱ", "고", "과", "관"):
        keyboard.send("Input.imeSetComposition", {"text": step, "selectionStart": 1, "selectionEnd": 1})
        page.wait_for_timeout(150)
    assert sent == []
    keyboard.send("Input.insertText", {"text": "관"})
    for step in ("ㅅ", "세"):
        keyboard.send("Input.imeSetComposition", {"text": step, "selectionStart": 1, "selectionEnd": 1})
    page.wait_for_timeout(150)
    keyboard.send("Input.insertText", {"text": "세"})
    page.wait_for_selector(".hit mark")
    expect(page.locator("#query")).to_have_value("관세")
    until(page, lambda: sent[-1:] == ["관세"])
    assert set(sent) <= {"관", "관세"}


def test_an_answer_that_comes_late_is_not_shown(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/", expected=("ERR_ABORTED", "ERR_FAILED"), punctual=True)
    page.wait_for_selector("#start .empty")
    slow: list[Any] = []

    def hold(route: Any) -> None:
        if json.loads(route.request.post_data)["query"] == "lithium":
            slow.append(route)
        else:
            route.continue_()

    page.route("**/api/v1/search", hold)
    page.fill("#query", "lithium")
    page.wait_for_function("() => !document.getElementById('busy').hidden")
    page.fill("#query", "재택근무")
    page.wait_for_selector(".hit mark")
    assert slow
    for route in slow:
        route.abort()
    page.wait_for_timeout(100)
    expect(page.locator(".hit mark").first).to_contain_text("재택")


def test_the_keyboard_leads_through_the_results(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/?q=관세")
    page.wait_for_selector(".hit")
    page.focus("#query")
    at = "(place) => document.querySelectorAll('.hit')[place].contains(document.activeElement)"
    for key, place in (("ArrowDown", 0), ("ArrowDown", 1), ("j", 2), ("k", 1), ("ArrowUp", 0)):
        page.keyboard.press(key)
        page.wait_for_function(at, arg=place)
    page.keyboard.press("Escape")
    expect(page.locator("#query")).to_be_focused()
    page.locator("#language").focus()
    page.keyboard.press("/")
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/documents/*")


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)<-script>.txt",
        "<img src=x onerror=alert(1)>.txt",
        "{{shell.name}} &amp; \"'.txt",
        "עברית (1).txt",
    ],
)
def test_what_comes_from_documents_is_text(shelf: httpx.Client, open_page: Any, name: str) -> None:
    markup = f"<img src=x onerror=alert(2)> <script>alert(3)</script> quernstone {abs(hash(name))} <b>bold</b>"
    document = upload(shelf, name.replace("?", "%3F"), markup, collection="markup")
    wait_for(shelf, document["id"])
    page = open_page(shelf, "/?q=quernstone&collection=markup")
    page.wait_for_selector(".hit")
    expect(page.locator(".snippet").first).to_contain_text("<script>alert(3)</script>")
    page.click(f".hit h3 a >> nth={page.locator('.hit h3').all_inner_texts().index(name)}")
    page.wait_for_selector(".text .passage")
    expect(page.locator(".text")).to_contain_text(markup)
    expect(page.locator("h1")).to_contain_text(name)
    page.goto("/documents?collection=markup")
    page.wait_for_selector("#rows tr")
    page.click("#rows tr td:last-child button >> nth=0")
    page.wait_for_selector("dialog[open]")
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0


@pytest.mark.parametrize(("language", "typed"), [("ko", "노트북 관"), ("en", "lithium bat")])
def test_what_is_typed_goes_on_by_keyboard(shelf: httpx.Client, open_page: Any, language: str, typed: str) -> None:
    page = open_page(shelf, "/", language=language)
    page.locator("#query").press_sequentially(typed, delay=30)
    offered = page.locator("#suggestions button")
    offered.first.wait_for()
    expect(offered.first).to_have_text(re.compile(r"\S"))
    page.locator("#query").press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#suggestions') !== null")
    text = page.evaluate("document.activeElement.innerText")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").find(text) >= 0
    page.keyboard.press("Enter")
    page.wait_for_selector(".hit")
    expect(page.locator("#query")).to_have_value(text)
    expect(page.locator("#query")).to_be_focused()
    until(page, lambda: parse_qs(urlsplit(page.url).query).get("q") == [text])
    expect(offered).to_have_count(0)


def test_results_are_sorted_by_when_documents_came(shelf: httpx.Client, open_page: Any) -> None:
    for number in range(3):
        wait_for(shelf, upload(shelf, f"{number}.txt", f"a sundial, number {number}", collection="dated")["id"])
    page = open_page(shelf, "/?q=sundial&collection=dated&sort=newest")
    expect(page.locator(".hit h3")).to_have_text(["2.txt", "1.txt", "0.txt"], use_inner_text=True)
    page.select_option("#sort", "oldest")
    expect(page.locator(".hit h3").first).to_have_text("0.txt")
    page.go_back()
    expect(page.locator(".hit h3").first).to_have_text("2.txt")


def test_documents_like_one_have_the_whole_width(shelf: httpx.Client, open_page: Any) -> None:
    (document,) = shelf.get("/api/v1/documents", params={"name": "import-procedure"}).json()["items"]
    page = open_page(shelf, f"/?similar={document['id']}", language="en")
    page.wait_for_selector(".hit")
    assert page.locator(".hit").first.bounding_box()["width"] > 0.8 * page.viewport_size["width"]


def test_a_question_is_asked_with_its_key_and_the_next_waits_for_no_answer(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/", expected=("ERR_ABORTED", "ERR_FAILED"), punctual=True)
    page.wait_for_selector("#start .empty")
    held: list[Any] = []
    page.route("**/api/v1/search", lambda route: held.append(route) if not held else route.continue_())
    # Asked in the key's own turn: whether it went out is known before any timer can run.
    page.evaluate(
        """() => {
          const own = window.fetch;
          window.asked = 0;
          window.fetch = (...given) => { window.asked += String(given[0]).endsWith('/search'); return own(...given); };
          const query = document.getElementById('query');
          query.value = 'lithium';
          query.dispatchEvent(new InputEvent('input'));
          window.atOnce = window.asked;
          query.value = '재택근무';
          query.dispatchEvent(new InputEvent('input'));
          window.together = window.asked;
        }"""
    )
    page.wait_for_selector(".hit mark")
    expect(page.locator(".hit mark").first).to_contain_text("재택")
    assert page.evaluate("[window.atOnce, window.together, window.asked]") == [1, 1, 2]
    for route in held:
        route.abort()
