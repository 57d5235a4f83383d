"""First pages in the browser: asked for beside the upload, and shown as found while the rest is read."""

import re
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from journeys import handed_over, wait_for
from looking import expect
from pdf_builders import a_book

PAGES: Final = 400
"""So many that reading them takes several times as long as a browser needs to look."""
_CHOICE: Final = {
    "ko": ("큰 PDF는 나머지를 읽는 동안 처음 쪽부터 찾기", "64쪽 넘는 PDF"),
    "en": ("Find the first pages of large PDFs while the rest is read", "more than 64 pages"),
}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_it_is_chosen_by_keyboard_and_remembered(
    shelf: httpx.Client, open_page: Any, tmp_path: Path, language: str
) -> None:
    sent: list[str] = []

    def upload(page: Any, name: str) -> None:
        (tmp_path / name).write_text(f"{name} in {language}")
        page.fill("#into", f"chosen-{language}")
        with page.expect_response(lambda one: one.request.method == "PUT") as answered:
            page.set_input_files("#files", tmp_path / name)
        assert answered.value.status == 202
        sent.append(answered.value.url.rpartition("/")[2])
        handed_over(page, name)

    page = open_page(shelf, "/documents", language=language)
    page.wait_for_selector("#rows tr")
    label, about = _CHOICE[language]
    choice = page.get_by_role("checkbox", name=label, exact=True)
    expect(page.locator(f"#{choice.get_attribute('aria-describedby')}")).to_contain_text(about)
    expect(choice).not_to_be_checked()
    upload(page, "plain.txt")
    page.focus("#choose-folder")
    page.keyboard.press("Tab")
    expect(choice).to_be_focused()
    page.keyboard.press("Space")
    upload(page, "first.txt")
    page.reload()
    page.wait_for_selector("#rows tr")
    expect(choice).to_be_checked()
    upload(page, "second.txt")
    choice.uncheck()
    page.reload()
    page.wait_for_selector("#rows tr")
    expect(choice).not_to_be_checked()
    assert sent == ["plain.txt", "first.txt?early=true", "second.txt?early=true"]


@pytest.mark.timeout(300)
def test_they_are_found_while_the_rest_is_read(shelf: httpx.Client, open_page: Any, tmp_path: Path) -> None:
    (tmp_path / "book.pdf").write_bytes(a_book(PAGES))
    page = open_page(shelf, "/documents", language="en")
    page.wait_for_selector("#rows tr")
    page.check("#early")
    page.fill("#into", "books")
    page.set_input_files("#files", tmp_path / "book.pdf")
    first = rf"first (32|64|128) of {PAGES} pages can be found"
    page.wait_for_function(
        "(first) => { const said = document.querySelector('#queue li')?.textContent ?? '';"
        " return /processing/.test(said) && new RegExp(first).test(said); }",
        arg=first,
        timeout=120_000,
    )
    (document,) = shelf.get("/api/v1/documents", params={"collection": "books"}).json()["items"]
    found = open_page(shelf, "/?q=quay0003&mode=keyword&collection=books", language="en")
    found.locator(".hit .badge", has_text=f"of {PAGES} pages").first.wait_for()
    expect(found.locator(".hit h3").first).to_contain_text("book.pdf")
    asked = open_page(shelf, "/ask", language="en")
    asked.fill("#question", "What is to be known of the harbour called quay0003?")
    asked.keyboard.press("Enter")
    told = asked.locator(".callout.early", has_text=re.compile(rf"book.pdf: only the first \d+ of {PAGES} pages"))
    told.wait_for(timeout=60_000)
    asked.click("button.cited >> nth=0")
    expect(asked.locator("#passage")).to_contain_text(f"of {PAGES} pages had been read")
    row = page.locator("#rows tr", has_text="book.pdf")
    row.locator("text=pages can be found").wait_for()
    expect(row.locator(".badge.info")).to_have_count(1)
    wait_for(shelf, document["id"], timeout_seconds=200)
    row.locator(".badge.good").wait_for()
    page.locator("#queue li", has_text="ready").wait_for()
    expect(page.locator("text=pages can be found")).to_have_count(0)
    # The answer is as old as it was.
    asked.reload()
    told.wait_for()
