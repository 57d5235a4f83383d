"""The monitor's page: live by the stream, asked for while that is broken, with the last hour after a reload."""

import re
import time
from typing import Any

import httpx
import pytest
from journeys import journey_of
from looking import expect

_HISTORY = "/api/v1/monitor/metrics/process_memory_bytes"
_MOST_BYTES = 250_000
_RULE = {"name": "always", "metric": "process_memory_bytes", "kind": "threshold", "operator": ">", "value": 1}
_PASSED = {"received": 9.0, "parse": 7.5, "ocr": 6.0, "chunk": 4.25, "embed": 1200.0}
_STREAM = re.compile(r"/api/v1/monitor/stream$")


def is_live(page: Any) -> None:
    page.wait_for_selector("#live[data-state=live] .badge.good")
    page.wait_for_selector("#view .chart canvas")


def comes_anew(page: Any) -> None:
    before = page.locator("#about").get_attribute("data-at")
    page.wait_for_function("(before) => document.getElementById('about').dataset.at !== before", arg=before)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_follows_the_stream_and_asks_for_no_summary(shelf: httpx.Client, open_page: Any, theme: str) -> None:
    page = open_page(shelf, "/", language="en", theme=theme)
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url.removeprefix(str(shelf.base_url).rstrip("/"))))
    page.goto("/monitor")
    is_live(page)
    comes_anew(page)
    page.wait_for_timeout(5_000)
    assert len([one for one in asked if one.endswith("/monitor/stream")]) == 1
    assert not [one for one in asked if one.endswith("/api/v1/monitor")]


def test_an_alert_and_who_acknowledged_it_are_seen_without_a_reload(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/monitor#alerts", language="en")
    page.wait_for_selector("#live[data-state=live] .badge")
    page.wait_for_selector("h2:has-text('Alerts')")
    rule = shelf.post("/api/v1/monitor/rules", json=_RULE).raise_for_status().json()
    try:
        page.wait_for_selector("article.alert h3:has-text('always')")
        (alert,) = [
            one
            for one in shelf.get("/api/v1/monitor/alerts", params={"state": "firing"}).json()["items"]
            if one["rule"] == "always"
        ]
        shelf.post(f"/api/v1/monitor/alerts/{alert['id']}/acknowledge").raise_for_status()
        page.wait_for_selector("article.alert:has(h3:has-text('always')) .badge:has-text('Somebody knows')")
    finally:
        shelf.delete(f"/api/v1/monitor/rules/{rule['id']}").raise_for_status()


def test_a_document_is_found_by_its_name_and_by_its_id(shelf: httpx.Client, open_page: Any) -> None:
    documents = shelf.get("/api/v1/documents").raise_for_status().json()["items"]
    for document in documents:
        journey_of(shelf, document["id"], lambda journey: journey["items"][0]["state"] == "searchable")
    journeys = shelf.get("/api/v1/monitor/journeys").raise_for_status().json()["items"]
    one = journeys[0]
    page = open_page(shelf, "/monitor#documents", language="en")
    assert len(journeys) > 1
    expect(page.locator("details.journey")).to_have_count(len(journeys))
    find = page.get_by_label("Find by name or id")
    for words in (one["name"].upper(), one["document_id"]):
        find.fill("no such document anywhere")
        page.wait_for_selector("#view >> text=No document of that name or id is known.")
        find.fill(words)
        page.wait_for_selector(f"details.journey:has-text('{one['document_id']}')", state="attached")
        expect(page.locator("details.journey")).to_have_count(1)


@pytest.mark.parametrize("status", [None, 503])
def test_while_the_stream_is_broken_it_asks_and_says_so_until_it_is_back(
    shelf: httpx.Client, browser: Any, open_page: Any, status: int | None
) -> None:
    context = browser.new_context(base_url=str(shelf.base_url), locale="ko-KR")
    context.route(_STREAM, lambda route: route.abort() if status is None else route.fulfill(status=status))
    page = open_page(shelf, "/monitor", context=context, expected=("ERR_FAILED", "503"))
    page.wait_for_selector("#live[data-state=polled] .badge.warning")
    page.wait_for_selector("#view .chart canvas")
    comes_anew(page)
    context.unroute(_STREAM)
    is_live(page)


def test_a_reload_shows_what_was_before(shelf: httpx.Client, open_page: Any) -> None:
    deadline = time.monotonic() + 60
    while True:
        kept = shelf.get(_HISTORY, params={"step": 12}).raise_for_status().json()["series"]
        # The newest still changes.
        if kept and len(kept[0]["points"]) >= 3:
            break
        assert time.monotonic() < deadline
        time.sleep(1)
    page = open_page(shelf, "/monitor", language="ko")
    is_live(page)
    drawn = """async () => {
      const { past } = await import('/pages/monitor/past.js');
      const found = past({ each: () => () => {} });
      for (let tries = 0; tries < 100 && !found.of('memory')[0].length; tries += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return found.of('memory', 'waiting');
    }"""
    times, memory, _ = page.evaluate(drawn)
    assert [[time, value] for time, value in zip(times, memory, strict=True) if value is not None][:2] == [
        point[:2] for point in kept[0]["points"][:2]
    ]


def test_its_first_paint_is_small_and_quick(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/monitor")
    is_live(page)
    sizes = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map((one) => [one.name, one.transferSize])"
    )
    assert len(sizes) > 10
    # With all that it asks the API for until its charts are drawn.
    assert sum(size for _, size in sizes) <= _MOST_BYTES, sizes
    seconds = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    print(f"{sum(size for _, size in sizes)} bytes, first contentful paint after {seconds:.2f} s")
    # On a machine that does other things besides; what is wanted of one that does not is a second.
    assert seconds < 5


def test_between_the_stages_stands_how_many_documents_pass(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/monitor", language="en")
    is_live(page)
    file = {"files": ("passing.txt", b"One more document is on its way.", "text/plain")}
    shelf.post("/api/v1/documents", files=file).raise_for_status()
    for step in _PASSED:
        place = page.locator(f".flow .between[data-after={step}]")
        place.locator(".rate strong").filter(has_not_text=re.compile("^0$")).wait_for(timeout=120_000)


@pytest.mark.parametrize(("language", "phone", "theme"), [("ko", False, "light"), ("en", True, "dark")])
def test_each_rate_stands_behind_its_own_step(
    shelf: httpx.Client, browser: Any, open_page: Any, language: str, phone: bool, theme: str
) -> None:
    def with_rates(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"passed_per_minute": _PASSED})

    context = browser.new_context(
        base_url=str(shelf.base_url),
        locale={"ko": "ko-KR", "en": "en-US"}[language],
        color_scheme=theme,
        viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 860},
    )
    context.route(_STREAM, lambda route: route.abort())
    context.route(re.compile(r"/api/v1/monitor$"), with_rates)
    page = open_page(shelf, "/monitor", context=context, expected=("ERR_FAILED",))
    expect(page.locator(".flow .between[data-after=embed] .rate strong")).to_have_text("1,200")
    words = page.locator(".flow > li").evaluate_all(
        "all => all.map(one => one.querySelector('.rate strong')?.innerText ?? '')"
    )
    assert words == ["", "9", "", "", "7.5", "", "6", "", "4.3", "", "1,200", "", "", ""]
    told = page.locator(".flow .between .visually-hidden").all_inner_texts()
    assert told[1] == {"ko": "읽기 다음: 분당 문서 7.5개", "en": "After Reading: 7.5 documents a minute"}[language]
    # On a desktop all of it is seen at once; on a phone it scrolls, and the page does not.
    region = page.locator(".scrolls:has(.flow)")
    assert region.evaluate("one => one.scrollWidth > one.clientWidth") is phone
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
