"""Leaving in the middle: who closes the page or signs out while files are on their way is asked before, and once."""

from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from looking import expect
from whole_server import a_whole_server

KEY: Final = "writer-key-0000002"
_ASKED: Final = {
    "ko": ("아직 올리지 못한 파일이 2개", "로그아웃"),
    "en": ("2 files are not uploaded yet", "Sign out"),
}


@pytest.fixture(scope="module")
def guarded(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server with a key."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"{KEY} notes read,write\n")
    keys.chmod(0o600)
    with a_whole_server(tmp_path_factory.mktemp("data"), api_keys_file=keys) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        client.put("/api/v1/documents/notes/notes.txt", content="about notes").raise_for_status()
        yield client


@pytest.fixture
def uploading(guarded: httpx.Client, open_page: Any, request: pytest.FixtureRequest) -> tuple[Any, list[Any]]:
    """The documents page of who is signed in, with two files on their way, and what holds them."""
    language = request.param
    page = open_page(guarded, "/documents", language=language, expected=("401", "a dialog", "ERR_ABORTED"))
    page.wait_for_url("**/sign-in?next=*")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#rows tr")
    held: list[Any] = []
    page.route(
        "**/api/v1/documents/notes/*",
        lambda route: held.append(route) if route.request.method == "PUT" else route.continue_(),
    )
    page.fill("#into", "notes")
    files = [
        {"name": f"{number} {language}.txt", "mimeType": "text/plain", "buffer": f"{number} {language}".encode()}
        for number in range(2)
    ]
    page.set_input_files("#files", files)
    page.wait_for_function("() => document.querySelectorAll('#queue li progress').length === 2")
    return page, held


def sessions(page: Any) -> int:
    return sum(one["name"] == "seoga_session" for one in page.context.cookies())


@pytest.mark.parametrize(("uploading", "language"), [("ko", "ko"), ("en", "en")], indirect=["uploading"])
def test_signing_out_is_asked_about_before_the_session_ends(
    guarded: httpx.Client, uploading: tuple[Any, list[Any]], language: str
) -> None:
    page, held = uploading
    browser_asked: list[str] = []
    page.on("dialog", lambda dialog: browser_asked.append(dialog.type))
    told, yes = _ASKED[language]
    page.click("#sign-out")
    page.wait_for_selector("dialog[open]")
    expect(page.locator("dialog")).to_contain_text(told)
    expect(page.locator("dialog .danger")).to_have_text(yes)
    page.click("dialog .actions button >> nth=0")
    page.wait_for_selector("dialog", state="detached")
    # Nothing ended: the one that is let go arrives.
    held.pop(0).continue_()
    page.locator("#rows tr", has_text=language).first.wait_for()
    assert sessions(page) == 1
    page.wait_for_function("() => document.querySelectorAll('#queue li progress').length <= 1")

    page.click("#sign-out")
    page.click("dialog[open] .danger")
    page.wait_for_url("**/sign-in")
    assert sessions(page) == 0
    # Who agreed is not asked by the browser once more.
    assert browser_asked == []
    assert guarded.get("/api/v1/documents", params={"name": f" {language}.txt"}).json()["total"] == 1


@pytest.mark.parametrize("uploading", ["en"], indirect=True)
def test_the_browser_asks_who_goes_elsewhere(uploading: tuple[Any, list[Any]]) -> None:
    page, held = uploading
    with page.expect_event("dialog") as asked:
        page.click("nav a[href='/ask']", no_wait_after=True)
    assert asked.value.type == "beforeunload"
    # Who stays still has all of it on its way.
    expect(page.locator("#queue li progress")).to_have_count(2)
    assert page.url.endswith("/documents")
    for route in held:
        route.continue_()
    page.wait_for_function("() => document.querySelectorAll('#queue li progress').length === 0")
    page.click("nav a[href='/ask']")
    page.wait_for_url("**/ask")


def test_who_has_nothing_under_way_is_not_asked(guarded: httpx.Client, open_page: Any) -> None:
    page = open_page(guarded, "/documents", expected=("401",))
    page.wait_for_url("**/sign-in?next=*")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#rows tr")
    page.click("#sign-out")
    page.wait_for_url("**/sign-in")
    assert sessions(page) == 0
