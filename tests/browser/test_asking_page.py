"""Asking in the browser: an answer that streams, its sources beside it, and the conversation kept."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from journeys import upload, wait_for


@pytest.mark.parametrize(
    ("language", "question"), [("ko", "노트북 관세율은 얼마인가요?"), ("en", "How long does an advance ruling take?")]
)
def test_an_answer_names_its_sources_and_is_kept(
    shelf: httpx.Client, open_page: Any, language: str, question: str
) -> None:
    page = open_page(shelf, "/ask", language=language)
    page.wait_for_selector("#messages .empty")
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.wait_for_selector("button.cited", timeout=60_000)
    page.wait_for_function("() => !document.getElementById('send').disabled", timeout=60_000)
    answer = page.locator(".answer").inner_text()
    page.click("button.cited >> nth=0")
    quote = page.locator("#passage blockquote").inner_text()
    assert quote.strip()
    page.reload()
    page.wait_for_selector("button.cited")
    assert page.locator(".answer").inner_text() == answer
    assert page.locator("#sessions a[aria-current]").count() == 1
    page.click("button.cited >> nth=0")
    page.click("#passage a.button")
    page.wait_for_selector("main h1 bdi")


def test_markup_of_a_document_is_text_in_its_answer_its_journey_and_beside_its_code(
    shelf: httpx.Client, open_page: Any
) -> None:
    name = "<img src=x onerror=alert(1)>.txt"
    text = "The toll of the quernstone bridge is nine florins <img src=x onerror=alert(2)> <script>alert(3)</script>."
    document = upload(shelf, quote(name), f"{text} HS 8471.30", collection="markup")
    wait_for(shelf, document["id"])
    page = open_page(shelf, "/ask", language="en")
    page.fill("#question", "What is the toll of the quernstone bridge? <img src=x onerror=alert(4)>")
    page.keyboard.press("Enter")
    page.wait_for_selector("button.cited", timeout=60_000)
    page.click("button.cited >> nth=0")
    assert name in page.locator("#passage h2").inner_text()
    for place, seen in (
        ("/monitor#documents", ".journey"),
        ("/hs-codes/8471.30", "#mentions a"),
        (f"/documents/{document['id']}", "h1 bdi"),
    ):
        assert page.locator("main img[src=x], main script").count() == 0
        page.goto(place)
        page.locator(seen, has_text=name).first.wait_for()
    assert page.locator("main img[src=x], main script").count() == 0
