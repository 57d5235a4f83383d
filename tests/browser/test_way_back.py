"""The way back: a list is found as long as it was left, and every page as it was asked for."""

from typing import Any

import httpx
import pytest
from journeys import wait_for
from looking import expect

COUNT = 60
_ROWS = "(count) => document.querySelectorAll('#rows tr').length === count"
_COUNTED = "(count) => document.getElementById('counted').textContent.includes(count)"
_HITS = "(count) => document.querySelectorAll('.hit').length === count"


@pytest.fixture(scope="module")
def long_shelf(shelf: httpx.Client) -> httpx.Client:
    """With a collection of more than a page of documents."""
    files = [("files", (f"{number:02}.txt", f"lighthouse number {number}".encode())) for number in range(COUNT)]
    answer = shelf.post("/api/v1/documents", data={"collection": "long"}, files=files).raise_for_status()
    for document in answer.json()["documents"]:
        wait_for(shelf, document["id"])
    return shelf


def test_a_list_is_as_long_as_it_was_left(long_shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(long_shelf, "/documents?collection=long&sort=name")
    page.wait_for_function(_ROWS, arg=50)
    page.click("#more button")
    page.wait_for_function(_ROWS, arg=COUNT)
    page.click(f"#rows tr:nth-child({COUNT}) td.file a")
    page.wait_for_selector("#views button[aria-pressed=true]")
    page.go_back()
    page.wait_for_function(_ROWS, arg=COUNT)
    # Another choice is another list.
    page.select_option("#sort", "oldest")
    page.wait_for_function("() => new URLSearchParams(location.search).get('sort') === 'oldest'")
    page.wait_for_function(_ROWS, arg=50)


def test_what_comes_from_elsewhere_leaves_the_reader_where_they_are(long_shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(long_shelf, "/documents?collection=long&sort=name")
    page.wait_for_function(_ROWS, arg=50)
    page.click("#more button")
    page.wait_for_function(_ROWS, arg=COUNT)
    link = page.locator(f"#rows tr:nth-child({COUNT}) td.file a")
    link.focus()
    name = link.inner_text()
    long_shelf.put("/api/v1/documents/long/zz-new.txt", content="a new lighthouse").raise_for_status()
    page.wait_for_function(_COUNTED, arg=COUNT + 1)
    expect(page.locator("#rows tr")).to_have_count(COUNT)
    page.wait_for_function("(name) => document.activeElement.innerText === name", arg=name)
    (new,) = long_shelf.get("/api/v1/documents", params={"name": "zz-new", "collection": "long"}).json()["items"]
    long_shelf.delete(new["links"]["self"]).raise_for_status()
    page.wait_for_function(_COUNTED, arg=COUNT)


def test_hits_are_as_many_as_were_left(long_shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(long_shelf, "/?q=lighthouse&collection=long")
    page.wait_for_function(_HITS, arg=20)
    page.click("#more button")
    page.wait_for_function(_HITS, arg=40)
    page.click(".hit:nth-child(31) h3 a")
    page.wait_for_url("**/documents/*")
    page.go_back()
    page.wait_for_function(_HITS, arg=40)
    page.fill("#query", "lighthouse number")
    page.wait_for_function("() => new URLSearchParams(location.search).get('q') === 'lighthouse number'")
    page.wait_for_function(_HITS, arg=20)


@pytest.mark.parametrize(("language", "goods"), [("ko", "노트북"), ("en", "laptop")])
def test_codes_conversations_and_settings_are_come_back_to(
    shelf: httpx.Client, open_page: Any, language: str, goods: str
) -> None:
    page = open_page(shelf, "/hs-codes", language=language)
    page.fill("#goods", goods)
    page.wait_for_selector("#codes li")
    code = page.locator("#codes li a").first.inner_text()
    page.click("#codes li a >> nth=0")
    page.wait_for_function("(code) => document.getElementById('code').innerText === code", arg=code)
    page.click("nav a[href='/settings']")
    page.wait_for_selector("main table tr")
    page.click("nav a[href='/ask']")
    page.wait_for_selector("#messages .empty")
    page.fill("#question", goods)
    page.keyboard.press("Enter")
    page.wait_for_url("**/ask?session=*")
    page.wait_for_function("() => document.getElementById('messages').getAttribute('aria-busy') === 'false'")
    session = page.url
    page.click("#new")
    page.wait_for_selector("#messages .empty")
    page.go_back()
    page.wait_for_selector("#messages article .said")
    page.wait_for_url(session)
    expect(page.locator("#messages .said")).to_have_text(goods)
    page.go_back()
    page.wait_for_selector("main table tr")
    page.go_back()
    page.wait_for_function("(code) => document.getElementById('code').innerText === code", arg=code)
    page.go_back()
    page.wait_for_selector("#codes li")
    expect(page.locator("#goods")).to_have_value(goods)
    expect(page.locator("#codes li a").first).to_have_text(code, use_inner_text=True)
