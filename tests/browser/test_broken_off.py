"""What happens in the middle: connections that break, two tabs that change the same, the way back."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from journeys import upload, wait_for
from looking import expect, until
from tcp_proxy import TcpProxy

_HALF_WAY = """() => {
  const bar = document.querySelector('#queue progress');
  return bar && bar.value > 0.05 * bar.max && bar.value < bar.max;
}"""
_FROM_THE_START = "() => document.querySelector('#queue progress')?.value === 0"
_LOST = (
    "ERR_CONNECTION",
    "ERR_EMPTY_RESPONSE",
    "ERR_INCOMPLETE_CHUNKED",
    "ERR_INTERNET_DISCONNECTED",
    "ERR_NETWORK_CHANGED",
    "ERR_FAILED",
    "404",
)
_Run = Callable[[Coroutine[Any, Any, object]], None]


@contextmanager
def _by_a_proxy(server: httpx.Client) -> Iterator[tuple[httpx.Client, TcpProxy, _Run]]:
    """The same server by another address, what breaks the way there, and what runs that."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()

    def run(what: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(what, loop).result(10)

    assert server.base_url.port is not None
    proxy = TcpProxy(server.base_url.host, server.base_url.port)
    try:
        run(proxy.restore())
        with httpx.Client(base_url=f"http://127.0.0.1:{proxy.port}") as there:
            yield there, proxy, run
    finally:
        run(proxy.cut())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_an_upload_goes_on_where_the_connection_broke(shelf: httpx.Client, open_page: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_text("a sentence about quadrants, one of many. " * 400_000)
    with _by_a_proxy(shelf) as (there, proxy, run):
        page = open_page(there, "/documents", expected=_LOST)
        page.wait_for_selector("#rows tr")
        run(proxy.slow(0.1))
        page.fill("#into", "broken-off")
        page.set_input_files("#files", large)
        page.wait_for_function(_HALF_WAY)
        run(proxy.cut())
        page.wait_for_function(_FROM_THE_START)
        assert shelf.get("/api/v1/documents", params={"name": "large.txt"}).json()["total"] == 0
        run(proxy.restore())
        page.locator("#rows tr", has_text="large.txt").wait_for(timeout=60_000)
    (document,) = shelf.get("/api/v1/documents", params={"collection": "broken-off"}).json()["items"]
    assert document["size"] == large.stat().st_size and document["revision"] == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_answer_goes_on_where_the_connection_broke(shelf: httpx.Client, open_page: Any, language: str) -> None:
    asked = {"ko": "노트북 관세율은 얼마인가요?", "en": "How are lithium batteries labelled?"}[language]
    page = open_page(shelf, "/ask", language=language, expected=_LOST)
    page.wait_for_selector("#messages .empty")
    cut: list[int] = []
    followed: list[str] = []

    def break_off(route: Any) -> None:
        whole = route.fetch()
        events = whole.body().split(b"\n\n")
        half = b"\n\n".join(events[: len(events) // 2]) + b"\n\n"
        cut.append(len(events) - len(events) // 2)
        route.fulfill(response=whole, body=half)

    page.route("**/api/v1/chat", break_off)
    page.on(
        "request",
        lambda one: followed.append(one.headers.get("last-event-id", "")) if one.url.endswith("/events") else None,
    )
    page.fill("#question", asked)
    page.keyboard.press("Enter")
    page.wait_for_selector("button.cited", timeout=60_000)
    page.wait_for_function("() => document.getElementById('messages').getAttribute('aria-busy') === 'false'")
    assert cut and cut[0] > 1 and any(followed)
    answer, sources = page.locator(".answer").inner_text(), page.locator("button.cited").count()
    page.reload()
    expect(page.locator("button.cited")).to_have_count(sources)
    expect(page.locator(".answer")).to_have_text(answer, use_inner_text=True)
    expect(page.locator("article")).to_have_count(1)


def _some(shelf: httpx.Client, collection: str, count: int) -> None:
    for number in range(count):
        upload(shelf, f"{number}.txt", f"{number} of {collection}", collection=collection)
    for one in shelf.get("/api/v1/documents", params={"collection": collection}).json()["items"]:
        wait_for(shelf, one["id"])


def _left(shelf: httpx.Client, collection: str) -> int:
    listed = {one["name"]: one["documents"] for one in shelf.get("/api/v1/collections").json()["items"]}
    return sum(listed.get(collection, {}).values())


def test_a_deletion_of_many_goes_on_when_the_connection_is_back(shelf: httpx.Client, open_page: Any) -> None:
    _some(shelf, "deleted", 6)
    with _by_a_proxy(shelf) as (there, proxy, run):
        page = open_page(there, "/documents?collection=deleted", expected=_LOST)
        page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 6")
        page.check("#all")
        page.click("#bulk .danger")
        run(proxy.cut())
        page.click("dialog[open] .danger")
        page.wait_for_function("() => document.getElementById('state').textContent")
        assert _left(shelf, "deleted") == 6
        run(proxy.restore())
        page.locator(".notice.good", has_text="6").wait_for(timeout=60_000)
        page.wait_for_selector("#none .empty", timeout=60_000)
        assert page.locator(".notice.bad").count() == 0
    assert _left(shelf, "deleted") == 0


def test_a_deletion_whose_answer_was_lost_is_done(shelf: httpx.Client, open_page: Any) -> None:
    _some(shelf, "unheard", 3)
    page = open_page(shelf, "/documents?collection=unheard", expected=_LOST)
    page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 3")
    lost: list[str] = []

    def lose(route: Any) -> None:
        """The first answer to each deletion: the server has done it, and nobody hears."""
        if route.request.method != "DELETE" or route.request.url in lost:
            route.continue_()
            return
        lost.append(route.request.url)
        route.fetch()
        route.abort("connectionreset")

    page.route("**/api/v1/documents/*", lose)
    page.check("#all")
    page.click("#bulk .danger")
    page.click("dialog[open] .danger")
    page.locator(".notice.good", has_text="3").wait_for(timeout=60_000)
    page.wait_for_selector("#none .empty", timeout=60_000)
    assert len(lost) == 3 and page.locator(".notice.bad").count() == 0
    assert _left(shelf, "unheard") == 0


def test_a_collection_that_is_being_deleted_is_followed_past_a_broken_connection(
    shelf: httpx.Client, open_page: Any
) -> None:
    _some(shelf, "going", 4)
    page = open_page(shelf, "/documents", language="en", expected=_LOST)
    page.wait_for_selector("#rows tr")
    lost: list[str] = []

    def lose(route: Any) -> None:
        if len(lost) >= 2:
            route.continue_()
            return
        lost.append(route.request.method)
        if route.request.method == "DELETE":
            route.fetch()
        route.abort("connectionreset")

    page.click("#collection-tools button")
    row = page.locator("dialog tbody tr", has_text="going")
    row.wait_for()
    page.route("**/api/v1/collections/going*", lose)
    row.locator("button").click()
    page.locator("dialog >> nth=1").locator(".danger").click()
    row.wait_for(state="detached", timeout=60_000)
    assert lost[0] == "DELETE" and page.locator(".notice.bad").count() == 0
    assert _left(shelf, "going") == 0


def test_two_tabs_delete_the_same(shelf: httpx.Client, open_page: Any) -> None:
    for number in range(5):
        wait_for(shelf, upload(shelf, f"twice {number}.txt", f"deleted twice {number}", collection="twice")["id"])
    first = open_page(shelf, "/documents?collection=twice", expected=_LOST)
    second = open_page(shelf, "/documents?collection=twice", context=first.context, expected=_LOST)
    for page in (first, second):
        page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 5")
        page.check("#all")
        page.click("#bulk .danger")
        page.wait_for_selector("dialog[open] .danger")
    for page in (first, second):
        page.click("dialog[open] .danger")
    for page in (first, second):
        page.wait_for_selector("#none .empty", timeout=60_000)
        assert page.locator(".notice.bad").count() == 0
    assert not [one for one in shelf.get("/api/v1/documents").json()["items"] if one["collection"] == "twice"]


def test_what_another_tab_deleted_says_so_where_it_is_open(shelf: httpx.Client, open_page: Any) -> None:
    document = upload(shelf, "open elsewhere.txt", "open in two tabs", collection="tabs")
    wait_for(shelf, document["id"])
    page = open_page(shelf, f"/documents?details={document['id']}", expected=_LOST)
    page.wait_for_selector("dialog[open] #document-name")
    shelf.delete(document["links"]["self"]).raise_for_status()
    page.fill("#document-name", "renamed.txt")
    page.click("dialog form .primary")
    page.wait_for_function("() => document.querySelector('dialog .wrong').textContent")


def test_the_way_back_leads_through_every_page(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/?q=lithium&mode=keyword", language="en")
    page.wait_for_selector(".hit")
    page.click("nav a[href='/documents']")
    page.wait_for_selector("#rows tr")
    page.select_option("#type", "application/pdf")
    page.wait_for_url("**/documents?type=*")
    count = shelf.get("/api/v1/documents", params={"media_type": "application/pdf"}).json()["total"]
    expect(page.locator("#rows tr")).to_have_count(count)
    page.click("#rows td.file a >> nth=0")
    page.wait_for_selector("#views button[aria-pressed=true]")
    page.click("nav a[href='/monitor']")
    page.click("a[href='#documents']")
    page.wait_for_selector(".journey")
    page.go_back()
    page.wait_for_selector(".strip")
    page.go_back()
    page.wait_for_selector("#views button[aria-pressed=true]")
    page.go_back()
    expect(page.locator("#rows tr")).to_have_count(count)
    expect(page.locator("#type")).to_have_value("application/pdf")
    page.go_back()
    page.wait_for_selector(".hit")
    expect(page.locator("#query")).to_have_value("lithium")


_ANSWERS_ARE_READ_LATE = """
  const listen = XMLHttpRequest.prototype.addEventListener;
  XMLHttpRequest.prototype.addEventListener = function (name, listener) {
    const late = async (event) => { await new Promise((go) => { window.readAnswer = go; }); listener(event); };
    listen.call(this, name, name === "load" ? late : listener);
  };
"""


def test_what_became_of_an_upload_is_shown_though_it_was_told_before_the_answer(
    shelf: httpx.Client, open_page: Any, tmp_path: Path
) -> None:
    page = open_page(shelf, "/documents", language="en")
    page.add_init_script(_ANSWERS_ARE_READ_LATE)
    page.reload()
    page.wait_for_selector("#rows tr")
    (tmp_path / "overtaken.txt").write_text("told before it was answered")
    page.set_input_files("#files", tmp_path / "overtaken.txt")
    # The list shows what the stream told.
    page.locator("#rows tr", has_text="overtaken.txt").locator(".badge.good").wait_for()
    expect(page.locator("#queue li[data-state=sending]")).to_have_count(1)
    page.evaluate("window.readAnswer()")
    page.wait_for_selector("#queue li[data-state=done]")


def test_what_became_of_an_upload_is_asked_for_when_nobody_heard_it(
    shelf: httpx.Client, open_page: Any, tmp_path: Path
) -> None:
    page = open_page(shelf, "/documents", language="en", expected=_LOST)
    page.route("**/documents/events", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("#rows tr")
    (tmp_path / "unheard.txt").write_text("told while nobody heard")
    page.set_input_files("#files", tmp_path / "unheard.txt")
    page.wait_for_selector("#queue li[data-state=processing]")
    (document,) = shelf.get("/api/v1/documents", params={"name": "unheard.txt"}).json()["items"]
    wait_for(shelf, document["id"])
    expect(page.locator("#queue li[data-state=processing]")).to_have_count(1)
    page.unroute("**/documents/events")
    page.wait_for_selector("#queue li[data-state=done]")


def test_an_answer_that_is_older_than_what_was_told_meanwhile_changes_nothing(
    shelf: httpx.Client, open_page: Any
) -> None:
    document = upload(shelf, "before.txt", "told while an answer was on its way", collection="overtaken")
    wait_for(shelf, document["id"])
    page = open_page(shelf, "/documents?collection=overtaken", language="en")
    names = page.locator("#rows td.file a")
    expect(names).to_contain_text(["before.txt"])
    late: list[tuple[Any, Any]] = []
    page.route("**/api/v1/documents?*", lambda route: late.append((route, route.fetch())))
    page.select_option("#sort", "name")
    until(page, lambda: late)
    shelf.patch(document["links"]["self"], json={"name": "after.txt"}).raise_for_status()
    expect(names).to_contain_text(["after.txt"])
    page.evaluate("document.querySelector('#rows tr').dataset.old = 'yes'")
    for route, answer in late:
        route.fulfill(response=answer)
    # The list came anew, and each of its documents as it was told last.
    expect(page.locator("#rows tr[data-old]")).to_have_count(0)
    expect(names).to_contain_text(["after.txt"])
