"""Keys on the settings page: the first one closes the server, the next is made and withdrawn, and the log tells so."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from looking import expect
from whole_server import a_whole_server

ADDRESS = "/api/v1/documents"


@pytest.fixture(scope="module")
def opened(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server without any key."""
    with a_whole_server(tmp_path_factory.mktemp("data")) as client:
        yield client


def make(page: Any, name: str, *, collections: str = "") -> str:
    """The key that the page shows, once."""
    page.click("#new-key")
    page.fill("#key-name", name)
    page.fill("#key-collections", collections)
    page.click("dialog button[type=submit]")
    key: str = page.locator("#made-key").inner_text()
    page.locator("dialog .actions .primary").click()
    page.locator(f"tr[data-key='{name}']").wait_for()
    return key


def status(client: httpx.Client, key: str | None = None) -> int:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return client.get(ADDRESS, headers=headers).status_code


@pytest.mark.parametrize("language", ["ko", "en"])
def test_keys_are_made_and_withdrawn(opened: httpx.Client, open_page: Any, language: str) -> None:
    page = open_page(opened, "/settings", language=language, expected=("409",))
    page.locator("#key-rows .callout").wait_for()
    assert page.locator("#key-rows tr").count() == 0
    admin = make(page, "operator")
    assert (status(opened), status(opened, admin)) == (401, 200)
    # This browser has a session with the new key, which is not in the page any more.
    expect(page.locator("#key-rows tbody tr")).to_have_count(1)
    assert admin not in page.content()

    key = make(page, "정산팀", collections="tariffs, notes")
    assert status(opened, key) == 200
    row = page.locator("tr[data-key='정산팀']")
    expect(row).to_contain_text("tariffs")
    assert key not in page.content()
    logged = page.locator("#audit-rows tbody tr")
    expect(logged.first).to_contain_text("정산팀")
    before = logged.count()
    row.locator("button").click()
    page.locator("dialog .danger").click()
    row.wait_for(state="detached")
    assert status(opened, key) == 401
    expect(logged).to_have_count(before + 1)
    told = logged.all_inner_texts()
    assert "정산팀" in told[0] and "operator" in told[0]

    alike = [one for one in told if one.split("\t")[2] == told[0].split("\t")[2]]
    assert 0 < len(alike) < len(told)
    page.select_option("#audit-action", "key.withdrawn")
    expect(logged).to_have_text(alike, use_inner_text=True)
    page.fill("#audit-until", "2020-01-01")
    page.locator("#audit-rows p").wait_for()
    page.fill("#audit-until", "")
    page.select_option("#audit-action", "")
    expect(logged).to_have_count(len(told))

    # The last one stays; by word of the API alone the server is open again.
    page.locator("tr[data-key='operator'] button").click()
    page.locator("dialog .danger").click()
    page.locator("#notices .bad").wait_for()
    assert status(opened) == 401
    headers = {"Authorization": f"Bearer {admin}"}
    opened.delete("/api/v1/keys/operator?open_server=true", headers=headers).raise_for_status()
