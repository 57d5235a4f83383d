"""Documents in the browser: uploaded, followed, changed, moved, deleted, read."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from journeys import upload, wait_for
from looking import expect
from pdf_builders import a_locked_pdf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files as people have them: in folders, some broken, some that nobody wants."""
    root = tmp_path / "자료"
    (root / "2026").mkdir(parents=True)
    for number in range(20):
        (root / "2026" / f"메모 {number}.txt").write_text(f"회의 메모 {number} quernstone", encoding="utf-8")
    (root / "빈 파일.txt").write_text("")
    (root / "broken.pdf").write_bytes(b"%PDF-1.7 nothing more")
    (root / ".DS_Store").write_bytes(b"x")
    return root


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_folder_is_uploaded_with_its_paths_and_its_failures_say_why(
    shelf: httpx.Client, open_page: Any, folder: Path, language: str
) -> None:
    collection = f"folder-{language}"
    page = open_page(shelf, "/documents", language=language, expected=("422",))
    page.wait_for_selector("#rows tr")
    page.fill("#into", collection)
    page.set_input_files("#folder", folder)
    # Everything arrives, and is seen to become ready without a reload.
    page.wait_for_function("() => document.querySelectorAll('#queue .why').length === 2", timeout=60_000)
    page.wait_for_function(
        "() => /20/.test(document.querySelector('#queue [role=status]').textContent.split(',')[1])", timeout=60_000
    )
    reasons = " ".join(page.locator("#queue .why").all_inner_texts())
    assert (
        ("빈 파일" in reasons and "손상된" in reasons)
        if language == "ko"
        else ("empty" in reasons and "damaged" in reasons)
    )
    page.select_option("#status", "failed")
    page.wait_for_selector("#rows .why")
    listed = shelf.get("/api/v1/documents", params={"collection": collection, "limit": 50}).json()
    assert {one["name"] for one in listed["items"]} == {f"자료/2026/메모 {n}.txt" for n in range(20)} | {
        "자료/broken.pdf"
    }


def test_uploads_wait_while_they_are_paused_and_while_the_server_is_away(
    shelf: httpx.Client, open_page: Any, folder: Path
) -> None:
    page = open_page(shelf, "/documents", expected=("ERR_INTERNET_DISCONNECTED", "422"))
    page.wait_for_selector("#rows tr")
    page.fill("#into", "paused")
    page.context.set_offline(True)
    page.set_input_files("#folder", folder)
    page.wait_for_selector("#queue li")
    page.click("#queue button >> nth=0")
    page.context.set_offline(False)
    page.wait_for_timeout(1500)
    assert shelf.get("/api/v1/documents", params={"name": "자료/", "collection": "paused"}).status_code == 404
    page.click("#queue button >> nth=0")
    page.wait_for_function("() => document.querySelectorAll('#queue .why').length === 2", timeout=60_000)
    page.wait_for_function(
        "() => /20/.test(document.querySelector('#queue [role=status]').textContent.split(',')[1])", timeout=60_000
    )
    assert shelf.get("/api/v1/documents", params={"collection": "paused"}).json()["total"] == 21


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_file_that_is_larger_than_the_server_takes_is_refused_before_it_is_sent(
    shelf: httpx.Client, open_page: Any, tmp_path: Path, language: str
) -> None:
    with (tmp_path / "disk.img").open("wb") as file:
        file.truncate(2 << 30)
    (tmp_path / "beside.txt").write_text(f"beside the image {language}")
    page = open_page(shelf, "/documents", language=language)
    page.wait_for_selector("#rows tr")
    page.fill("#into", f"large-{language}")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    page.set_input_files("#files", [tmp_path / "disk.img", tmp_path / "beside.txt"])
    page.wait_for_selector("#queue .why")
    expect(page.locator("#queue .why")).to_contain_text({"ko": "보다 큰 파일", "en": "larger than"}[language])
    page.wait_for_selector("#rows tr >> text=beside.txt")
    assert [url.rpartition("/")[2] for url in sent] == ["beside.txt"]


def test_many_files_come_whole_and_the_broken_ones_among_them_are_told_apart(
    shelf: httpx.Client, open_page: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    for number in range(90):
        place = folder / f"{number // 30}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 9 == 7:
            (place / f"broken {number}.pdf").write_bytes(b"" if number % 2 else f"%PDF-1.7 {number}".encode())
        else:
            (place / f"memo {number}.txt").write_text(f"memo {number} of the many")
    page = open_page(shelf, "/documents", language="en", expected=("422",))
    page.wait_for_selector("#rows tr")
    page.fill("#into", "many")
    page.set_input_files("#folder", folder)
    page.wait_for_function("() => document.querySelectorAll('#queue .why').length === 10", timeout=60_000)
    page.wait_for_function(
        "() => /80 ready/.test(document.querySelector('#queue [role=status]').textContent)", timeout=60_000
    )
    expect(page.locator("#queue [role=status]")).to_contain_text("10 failed")
    counts = {one["name"]: one["documents"] for one in shelf.get("/api/v1/collections").json()["items"]}["many"]
    # What is empty is refused, and is no document.
    assert (counts["searchable"], counts["failed"], counts["received"]) == (80, 5, 0)


def test_metadata_is_changed_and_what_another_tab_did_is_not_overwritten_unseen(
    shelf: httpx.Client, open_page: Any
) -> None:
    document = upload(shelf, "note.txt", "metadata of a note", collection="edited")
    path = document["links"]["self"]
    page = open_page(shelf, f"/documents?collection=edited&details={document['id']}")
    page.wait_for_selector("dialog[open]")
    page.click("dialog form .link")
    for place, text in enumerate(("year", "2026")):
        page.fill(f"dialog form .grow >> nth={place}", text)
    page.click("dialog .primary")
    page.wait_for_selector(".notice.good")
    assert shelf.get(path).json()["metadata"] == {"year": 2026}
    page.click("#rows tr td:last-child button")
    page.wait_for_selector("dialog[open]")
    shelf.patch(path, json={"metadata": {"year": 2027}})
    page.fill("dialog form .grow >> nth=1", "soon")
    page.click("dialog .primary")
    page.wait_for_selector("dialog[open] >> nth=1")
    page.click("dialog >> nth=1 >> button >> nth=0")
    assert shelf.get(path).json()["metadata"] == {"year": 2027}


def test_many_are_moved_and_deleted_at_once(shelf: httpx.Client, open_page: Any) -> None:
    for number in range(6):
        upload(shelf, f"bulk {number}.txt", f"one of several {number}", collection="bulk")
    for one in shelf.get("/api/v1/documents", params={"collection": "bulk"}).json()["items"]:
        wait_for(shelf, one["id"])
    page = open_page(shelf, "/documents?collection=bulk")
    page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 6")
    page.check("#all")
    page.click("#bulk button >> nth=1")
    page.fill("#move-into", "moved-on")
    page.keyboard.press("Enter")
    page.wait_for_selector("#none .empty", timeout=60_000)
    page.goto("/documents?collection=moved-on")
    page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 6")
    assert shelf.get("/api/v1/documents", params={"collection": "moved-on"}).json()["total"] == 6
    page.check("#all")
    page.click("#bulk .danger")
    page.click("dialog[open] .danger")
    page.wait_for_selector("#none .empty", timeout=90_000)


@pytest.mark.parametrize(("language", "phone"), [("ko", True), ("en", False)])
def test_all_that_are_shown_are_chosen(shelf: httpx.Client, open_page: Any, language: str, phone: bool) -> None:
    page = open_page(shelf, "/documents?collection=samples", language=language, phone=phone)
    count = shelf.get("/api/v1/documents", params={"collection": "samples"}).json()["total"]
    assert count > 1
    expect(page.locator("#rows tr")).to_have_count(count)
    page.check("#all")
    expect(page.locator("#rows .pick input:checked")).to_have_count(count)
    expect(page.locator("#counted")).to_have_text(re.compile(rf"·.*\b{count}"))
    page.uncheck("#rows .pick input >> nth=0")
    page.wait_for_function("() => document.getElementById('all').indeterminate")


def test_what_happens_elsewhere_is_seen_without_a_reload(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/documents")
    page.wait_for_selector("#rows tr")
    document = upload(shelf, "from elsewhere.txt", "written by a program")
    row = page.locator("#rows tr", has_text="from elsewhere.txt")
    row.wait_for()
    wait_for(shelf, document["id"])
    row.locator(".badge.good").wait_for()
    shelf.delete(document["links"]["self"])
    row.wait_for(state="detached")


def test_a_hit_opens_on_its_page_and_in_its_text(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/?q=ways+to+declare+before+departure&type=application/pdf", language="en")
    page.locator(".hit h3 a", has_text="import-procedure").first.click()
    page.wait_for_selector("#views button[aria-pressed=true]")
    page.click("#views button:has-text('Page') >> nth=0")
    page.wait_for_function("() => document.querySelector('.sheet img')?.naturalWidth > 500")
    page.click("#views button:has-text('Text')")
    page.locator(".text table th").nth(2).wait_for(state="attached")
    expect(page.locator(".text .passage").first).to_be_in_viewport()
    page.click("#views button:has-text('Tables')")
    page.wait_for_selector(".grid td")
    page.locator("#aside a").first.wait_for()
    page.go_back()
    page.wait_for_selector(".text .passage")


def test_a_document_that_is_not_there_says_so(shelf: httpx.Client, open_page: Any) -> None:
    page = open_page(shelf, "/documents/00000000-0000-4000-8000-000000000000", expected=("404",))
    page.wait_for_selector(".callout.bad")
    page = open_page(shelf, "/documents/nonsense?start=x&box=1,2", expected=("422",))
    page.wait_for_selector(".callout.bad")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_list_has_one_type_alone(shelf: httpx.Client, open_page: Any, language: str) -> None:
    page = open_page(shelf, "/documents", language=language)
    page.wait_for_selector("#rows tr")
    page.select_option("#type", "application/pdf")
    page.wait_for_url("**/documents?type=application%2Fpdf")
    count = shelf.get("/api/v1/documents", params={"media_type": "application/pdf"}).json()["total"]
    assert count > 0
    expect(page.locator("#rows tr")).to_have_count(count)
    again = open_page(shelf, page.url, language=language)
    expect(again.locator("#rows tr")).to_have_count(count)
    expect(again.locator("#type")).to_have_value("application/pdf")
    again.goto("/documents?type=nonsense")
    again.wait_for_selector("#rows tr")
    expect(again.locator("#type")).to_have_value("")


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_locked_file_asks_for_its_password(shelf: httpx.Client, open_page: Any, language: str) -> None:
    name, password = f"locked-{language}.pdf", "open sesame 8471"
    document = upload(shelf, name, a_locked_pdf(password, f"an astrolabe in {language}"), collection="locked")
    wait_for(shelf, document["id"], "failed")
    page = open_page(shelf, "/documents?collection=locked", language=language)
    row = page.locator("#rows tr", has_text=name)

    def give(word: str) -> None:
        row.locator("button").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog[open]")
        expect(page.locator("#document-password")).to_be_focused()
        expect(page.locator("#document-password")).to_have_attribute("type", "password")
        page.keyboard.type(word)
        page.keyboard.press("Enter")
        page.wait_for_selector("dialog", state="detached")

    row.locator(".why button").wait_for()
    give("another word")
    wait_for(shelf, document["id"], "failed")
    row.locator(".badge.bad").wait_for()
    give(password)
    wait_for(shelf, document["id"])
    row.locator(".badge.good").wait_for()
    expect(row.locator(".why")).to_have_count(0)
    assert password not in page.content() and password not in page.url
    assert shelf.post("/api/v1/search", json={"query": "astrolabe", "filters": {"name": name}}).json()["total"] == 1


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_list_is_sorted_by_keyboard_and_its_link_holds_the_order(
    shelf: httpx.Client, open_page: Any, language: str
) -> None:
    collection = f"sorted-{language}"
    texts = {"나.txt": "two", "b.txt": "the longest of all", "A.txt": "one"}
    for name, text in texts.items():
        upload(shelf, name, f"{text} {language}", collection=collection)

    page = open_page(shelf, f"/documents?collection={collection}", language=language)
    names = page.locator("#rows .file a")
    expect(names).to_contain_text(list(texts)[::-1])
    page.focus("#sort")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(names).to_contain_text(["A.txt", "b.txt", "나.txt"])
    page.wait_for_url("**sort=name")
    page.goto(page.url.replace("sort=name", "sort=size"))
    expect(page.locator("#sort")).to_have_value("size")
    expect(names.first).to_contain_text("b.txt")
