"""Asking in the browser: an answer that streams, its sources beside it, and the conversation kept."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from journeys import upload, wait_for
from looking import expect, until


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
    expect(page.locator("#passage blockquote")).to_have_text(re.compile(r"\S"))
    page.reload()
    expect(page.locator(".answer")).to_have_text(answer, use_inner_text=True)
    expect(page.locator("#sessions a[aria-current]")).to_have_count(1)
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
    expect(page.locator("#passage h2")).to_contain_text(name)
    for place, seen in (
        ("/monitor#documents", ".journey"),
        ("/hs-codes/8471.30", "#mentions a"),
        (f"/documents/{document['id']}", "h1 bdi"),
    ):
        assert page.locator("main img[src=x], main script").count() == 0
        page.goto(place)
        page.locator(seen, has_text=name).first.wait_for()
    assert page.locator("main img[src=x], main script").count() == 0


def test_what_was_asked_for_first_and_comes_last_replaces_nothing(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/ask", language="en")
    page.wait_for_selector("#messages .empty")
    _asked(page, "How long does an advance ruling take?")
    page.wait_for_url("**/ask?session=*")
    late: list[tuple[Any, Any]] = []

    def hold(route: Any) -> None:
        if any(route.request.url == one.request.url for one, _ in late):
            route.continue_()
        else:
            late.append((route, route.fetch()))

    # Neither the conversation nor the list is there when the next question is asked: both come after its answer.
    page.route(re.compile(r"/api/v1/chat/(sessions|[0-9a-f-]{36}/messages)\?"), hold)
    page.reload()
    until(page, lambda: len(late) == 2)
    _asked(page, "How are lithium batteries labelled?")
    sessions = page.locator("#sessions a")
    expect(sessions.first).to_be_visible()
    there = sessions.count()
    page.evaluate("document.querySelector('#sessions li').dataset.there = 'yes'")
    for route, answer in late:
        with page.expect_event("requestfinished", lambda one, route=route: one.url == route.request.url):
            route.fulfill(response=answer)
    expect(page.locator("#messages .said")).to_have_text(
        ["How long does an advance ruling take?", "How are lithium batteries labelled?"]
    )
    expect(page.locator("#sessions li[data-there]")).to_have_count(1)
    assert sessions.count() == there


def _asked(page: Any, question: str) -> None:
    """Asks and waits for the whole answer."""
    page.fill("#question", question)
    page.keyboard.press("Enter")
    page.locator("button.cited").last.wait_for(timeout=60_000)
    page.wait_for_function("() => !document.getElementById('send').disabled", timeout=60_000)
