"""With API keys set: in with a key, only what it allows, and out when it is withdrawn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from journeys import handed_over
from looking import expect, until
from whole_server import a_whole_server

READER, WRITER, ADMIN = "reader-key-0000001", "writer-key-0000002", "admin-key-00000003"
_REFUSED: Final = ("401", "403")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys file, which tests may change."""
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def guarded(browser: Any, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with keys."""
    keys.write_text(f"{READER} notes read\n{WRITER} notes read,write\n{ADMIN} * read,write,admin\n")
    keys.chmod(0o600)
    with a_whole_server(tmp_path_factory.mktemp("data"), api_keys_file=keys) as client:
        for collection in ("notes", "secrets"):
            client.put(
                f"/api/v1/documents/{collection}/{collection}.txt",
                content=f"about {collection}",
                headers={"Authorization": f"Bearer {ADMIN}"},
            ).raise_for_status()
        yield client


def status(client: httpx.Client, key: str) -> int:
    return client.get("/api/v1/documents", headers={"Authorization": f"Bearer {key}"}).status_code


def sign_in(page: Any, key: str) -> None:
    page.fill("#key", key)
    page.keyboard.press("Enter")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_one_is_led_back_to_where_one_was_going(guarded: httpx.Client, open_page: Any, language: str) -> None:
    page = open_page(guarded, "/documents?name=notes", language=language, expected=_REFUSED)
    page.wait_for_url("**/sign-in?next=*")
    sign_in(page, "no-key-of-this-server")
    page.wait_for_function("() => document.getElementById('wrong').textContent")
    sign_in(page, WRITER)
    page.wait_for_url("**/documents?name=notes")
    page.wait_for_selector("#rows tr")
    (cookie,) = [one for one in page.context.cookies() if one["name"] == "seoga_session"]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict" and WRITER not in cookie["value"]
    assert page.evaluate("document.cookie.includes('seoga_session')") is False
    # A change works: the token goes with it.
    page.fill("#into", "notes")
    page.set_input_files("#files", {"name": "mine.txt", "mimeType": "text/plain", "buffer": b"by a session"})
    handed_over(page, "mine.txt")
    page.click("#sign-out")
    page.wait_for_url("**/sign-in")
    assert not [one for one in page.context.cookies() if one["name"] == "seoga_session"]


def test_what_a_key_may_not_do_is_not_offered(guarded: httpx.Client, open_page: Any) -> None:
    page = open_page(guarded, "/documents", expected=_REFUSED)
    page.wait_for_url("**/sign-in?next=*")
    sign_in(page, READER)
    page.wait_for_selector("#rows tr")
    assert "secrets" not in page.locator("main").inner_text()
    expect(page.locator("#upload")).to_be_hidden()
    expect(page.locator("#rows input")).to_have_count(0)
    expect(page.locator("nav a[href='/settings']")).to_be_hidden()
    # Nor does it help to ask all the same, as a page of elsewhere might.
    status = page.evaluate(
        "fetch('/api/v1/documents/notes/x.txt', {method: 'PUT', body: 'x'}).then((one) => one.status)"
    )
    assert status == 403


def test_a_key_that_is_withdrawn_ends_its_sessions(guarded: httpx.Client, open_page: Any, keys: Path) -> None:
    page = open_page(guarded, "/", expected=_REFUSED)
    page.wait_for_url("**/sign-in?next=*")
    temporary = "temporary-key-00004"
    before = keys.read_text()
    keys.write_text(f"{before}{temporary} * read\n")
    until(page, lambda: status(guarded, temporary) == 200)
    sign_in(page, temporary)
    page.wait_for_selector("#start .empty")
    keys.write_text(before)
    until(page, lambda: status(guarded, temporary) == 401)
    page.fill("#query", "notes")
    page.wait_for_url("**/sign-in?next=*")


def test_the_way_back_leads_to_no_other_server(guarded: httpx.Client, open_page: Any) -> None:
    for place in ("https://evil.example/", "//evil.example/x", "javascript:alert(1)"):
        page = open_page(guarded, f"/sign-in?next={place}", expected=_REFUSED)
        sign_in(page, ADMIN)
        page.wait_for_url(f"{str(guarded.base_url).rstrip('/')}/")


@pytest.mark.parametrize("place", ["/documents", "/monitor"])
def test_a_page_that_only_listens_notices_that_its_key_is_withdrawn(
    guarded: httpx.Client, open_page: Any, keys: Path, place: str
) -> None:
    before = keys.read_text()
    temporary = f"temporary-key-for{place.replace('/', '-')}"
    keys.write_text(f"{before}{temporary} * read,write\n")
    page = open_page(guarded, place, expected=_REFUSED)
    page.wait_for_url("**/sign-in?next=*")
    until(page, lambda: status(guarded, temporary) == 200)
    sign_in(page, temporary)
    page.wait_for_url(f"**{place}")
    page.wait_for_selector("#rows tr, #view .strip")
    # The way out is held until the stream has told of it too: who is refused twice leaves once, by one address.
    held: list[Any] = []
    left: list[str] = []
    ended: list[str] = []
    page.route("**/sign-in?next=*", lambda route: held.append(route))  # Playwright takes no built-in.
    page.on("request", lambda request: left.append(request.url) if request.is_navigation_request() else None)
    page.on("requestfinished", lambda request: ended.append(request.url))
    keys.write_text(before)
    until(page, lambda: held and any("/stream" in url or "/events" in url for url in ended), timeout_seconds=30)
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_url("**/sign-in?next=*")
    assert len(left) == 1
