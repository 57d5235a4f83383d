"""Two tenants on one server: whatever one of them has, the other sees, counts, hears and changes nothing of it.

Every operation of the OpenAPI document is in one of the tables of whose_routes.py.
"""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from every_route import NO_ID, bearer, described, filled, parameters
from journeys import becomes
from tenant_builders import Tenants, put, they_move_in
from whole_server import a_whole_server
from whose_routes import (
    AIMED,
    CANARY,
    ENDLESS,
    HS_CODE,
    NOBODYS,
    OF_EVERYTHING,
    OPERATOR,
    OUR_ADMIN,
    OUR_SHELF,
    OURS,
    SEEN,
    THEIR_SHELF,
    THEIRS,
    Asked,
)


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenants]:
    folder = tmp_path_factory.mktemp("tenants")
    keys = folder / "keys.txt"
    keys.write_text(
        f"{THEIRS} {THEIR_SHELF} read,write\n{OURS} {OUR_SHELF} read,write\n"
        f"{OUR_ADMIN} {OUR_SHELF} read,write,admin\n{OPERATOR} * read,write,admin\n"
    )
    keys.chmod(0o600)
    with a_whole_server(folder / "data", api_keys_file=Path(keys)) as server:
        ours = put(
            server, OURS, OUR_SHELF, "ours.md", f"# The mill\n\nThe rent of our mill is paid in May. HS {HS_CODE}"
        )
        found = Tenants(server, {}, ours)
        # Monitor hears of it after everyone else, and counts are exact a moment after that.
        becomes(lambda: _is_told(found))
        found.before = _what_we_see(found)
        they_move_in(found)
        yield found


def _is_told(tenants: Tenants) -> bool:
    listed = tenants.ask(OUR_ADMIN, ("get", "/api/v1/monitor/journeys"), {}).json()
    assert [one["state"] for one in listed["items"]] == ["searchable"], listed
    asked = {"json": {"query": "rent of the mill"}}
    return bool(tenants.ask(OUR_ADMIN, ("post", "/api/v1/search"), asked).json()["total_is_exact"])


def _is_stream(told: dict[str, Any]) -> bool:
    return "text/event-stream" in told["responses"].get("200", {}).get("content", {})


def _what_we_see(tenants: Tenants) -> dict[str, Any]:
    """Every answer of `SEEN`, without what is of the moment or of the whole machine."""
    seen = {}
    for operation, requests in SEEN.items():
        if operation in ENDLESS:
            continue
        for one in requests:
            answer = tenants.ask(OUR_ADMIN, operation, one)
            assert answer.status_code in (200, 202), (operation, answer.text)
            content: Any = _said(answer.text) if operation[1] == "/api/v1/chat" else _lasting(answer.json())
            if operation[1] == "/api/v1/monitor":
                content = {name: content[name] for name in ("documents", "stuck", "dead_letters", "failed_per_minute")}
            seen[f"{operation} {json.dumps(one)}"] = content
    return seen


_PASSING: Final = {"took_ms", "index_version", "queue_position", "remaining_seconds", "matching_seconds"}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lasting(one) for name, one in value.items() if name not in _PASSING}
    return [_lasting(one) for one in value] if isinstance(value, list) else value


def _said(stream: str) -> list[Any]:
    """What an answer says and cites."""
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: ")]
    return [
        (one["type"], one["data"].get("text"), one["data"].get("quote"), one["data"].get("document_id"))
        for one in events
        if one["type"] in ("answer_delta", "citation")
    ]


def _what_they_have(tenants: Tenants) -> dict[str, Any]:
    paths = [path for (method, path), _ in SEEN.items() if method == "get" and "{" not in path]
    paths += [path for method, path in AIMED if method == "get" and "letter_id" not in path and "events" not in path]
    values = {**tenants.theirs, "document_id": tenants.theirs["pdf"], "number": "1", "name": THEIR_SHELF}
    kept = {}
    for path in paths:
        if ("get", path) in ENDLESS or path == "/api/v1/monitor" or path.startswith("/api/v1/search"):
            continue
        answer = tenants.server.get(filled(path, values), headers=bearer(THEIRS))
        is_json = answer.headers["content-type"] == "application/json"
        kept[path] = (answer.status_code, _lasting(answer.json()) if is_json else answer.content)
    found = tenants.ask(THEIRS, ("post", "/api/v1/search"), {"json": {"query": f"{CANARY} mill"}}).json()
    return {**kept, "search": [hit["document"] for hit in found["hits"]]}


def test_every_route_is_in_one_of_the_tables(tenants: Tenants) -> None:
    operations = described(tenants.server, bearer(OPERATOR))
    tables = (NOBODYS, OF_EVERYTHING, {*SEEN, *AIMED})
    for operation in operations:
        assert sum(operation in table for table in tables) == 1, f"say whose {operation} is"
    assert {one for table in tables for one in table} == set(operations)
    for method, path in operations:
        by_id = [one for one in parameters(path) if one.endswith("_id") or one == "session"]
        assert not by_id or (method, path) in {*AIMED, *OF_EVERYTHING, *NOBODYS}, f"{path} names something: aim it"
    streams = {one for one, told in operations.items() if _is_stream(told) and one[0] == "get" and "{" not in one[1]}
    assert streams == ENDLESS


def test_what_others_have_changes_nothing_that_is_seen(tenants: Tenants) -> None:
    seen = _what_we_see(tenants)
    assert seen == tenants.before
    told = json.dumps(list(seen.values())).lower().replace("metadata.quernkey", "the facet that was asked for")
    assert CANARY not in told
    assert "the rent of our mill" in told


@pytest.mark.parametrize("key", [OURS, OUR_ADMIN])
def test_what_is_of_the_whole_installation_is_refused(tenants: Tenants, key: str) -> None:
    for operation in OF_EVERYTHING:
        asked: Asked = {"json": {}} if operation[0] in ("post", "put") else {}
        answer = tenants.ask(key, operation, asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (operation, answer.text)
        if operation[0] == "get":
            assert tenants.ask(OPERATOR, operation, asked).status_code != 403, operation


def test_things_of_others_are_as_if_they_were_not_there_and_stay_as_they_are(tenants: Tenants) -> None:
    had = _what_they_have(tenants)
    assert CANARY in repr(had) and [one for one in had.values() if one[0] == 200]
    nothing: dict[str, str] = {}
    for operation, requests in AIMED.items():
        for key in (OURS, OUR_ADMIN):
            for one in requests:
                answer = tenants.ask(key, operation, one, tenants.theirs)
                problem = answer.json()
                letters_need_admin = "dead-letters" in operation[1] and key == OURS
                assert answer.status_code in ((403,) if letters_need_admin else (403, 404)), (operation, answer.text)
                assert CANARY not in answer.text.lower()
                # The very same as of what nobody has.
                unknown = tenants.ask(key, operation, one, nothing)
                assert (unknown.status_code, unknown.json()["code"]) == (answer.status_code, problem["code"]), operation
                for theirs in tenants.theirs.values():
                    problem["detail"] = problem["detail"].replace(theirs, NO_ID)
                assert unknown.json()["detail"] == problem["detail"], operation
    moved = tenants.ask(
        OURS,
        ("post", "/api/v1/documents/{document_id}/move"),
        {"json": {"collection": THEIR_SHELF}},
        {"document_id": tenants.ours["id"]},
    )
    assert moved.status_code == 403
    assert _what_they_have(tenants) == had


def test_filters_that_name_their_things_find_nothing(tenants: Tenants) -> None:
    for filters in (
        {"document": tenants.theirs["document_id"]},
        {"name": f"{CANARY}.md"},
        {"or": [{"collection": THEIR_SHELF}, {"document": tenants.theirs["document_id"]}]},
        {"not": {"collection": OUR_SHELF}},
    ):
        for operation, asked in (
            (("post", "/api/v1/search"), {"query": "rent of the mill", "filters": filters, "facets": ["collection"]}),
            (("post", "/api/v1/chat"), {"question": "rent of the mill?", "filters": filters, "remember": False}),
        ):
            answer = tenants.ask(OURS, operation, {"json": asked})
            assert answer.status_code == 200, answer.text
            assert CANARY not in answer.text.lower()
            assert operation[1] != "/api/v1/search" or answer.json()["total"] == 0, filters


def test_cursors_and_receipts_of_others_lead_nowhere(tenants: Tenants) -> None:
    asked = {"query": "rent of the mill", "limit": 1}
    page = tenants.ask(THEIRS, ("post", "/api/v1/search"), {"json": asked}).json()
    ours = tenants.ask(OURS, ("post", "/api/v1/search"), {"json": {**asked, "cursor": page["next_cursor"]}})
    assert (ours.status_code, ours.json()["code"]) == (400, "wrong_cursor")
    for path in ("/api/v1/documents", "/api/v1/monitor/journeys"):
        listed = tenants.server.get(path, params={"limit": 1}, headers=bearer(THEIRS)).json()
        answer = tenants.server.get(path, params={"limit": 1, "cursor": listed["next_cursor"]}, headers=bearer(OURS))
        assert (answer.status_code, answer.json()["code"]) == (400, "wrong_cursor"), path
    waited = tenants.ask(OURS, ("post", "/api/v1/search"), {"json": {"query": "mill", "after": tenants.receipt}})
    assert CANARY not in waited.text


def test_events_tell_of_nothing_that_others_do(tenants: Tenants) -> None:
    heard: dict[str, str] = {}
    listening = threading.Barrier(len(ENDLESS) + 1)

    def listen(path: str) -> None:
        with tenants.server.stream("GET", path, headers=bearer(OUR_ADMIN)) as answer:
            told, is_first = "", True
            for line in answer.iter_lines():
                told += line
                if is_first and line:
                    is_first = False
                    listening.wait(30)
                if "the last word" in told or (path.endswith("stream") and told.count("data:") > 2):
                    break
            heard[path] = told

    threads = [threading.Thread(target=listen, args=(path,), daemon=True) for _, path in ENDLESS]
    for thread in threads:
        thread.start()
    listening.wait(30)
    new = put(tenants.server, THEIRS, THEIR_SHELF, f"{CANARY} new.txt", f"{CANARY} news")
    tenants.server.delete(f"/api/v1/documents/{new['id']}", headers=bearer(THEIRS)).raise_for_status()
    last = put(tenants.server, OURS, OUR_SHELF, "the last word.txt", "ours")
    for thread in threads:
        thread.join(30)
    assert set(heard) == {path for _, path in ENDLESS}
    for told in heard.values():
        assert CANARY not in told.lower() and new["id"] not in told and THEIR_SHELF not in told
    assert last["id"] in heard["/api/v1/documents/events"]


def test_the_same_bytes_are_two_documents(tenants: Tenants) -> None:
    text = "one text of two tenants about millstones"
    theirs = put(tenants.server, THEIRS, THEIR_SHELF, "same.txt", text)
    ours = put(tenants.server, OURS, OUR_SHELF, "same.txt", text)
    assert ours["id"] != theirs["id"] and not ours["duplicate"]
    tenants.server.delete(f"/api/v1/documents/{ours['id']}", headers=bearer(OURS)).raise_for_status()
    content = tenants.server.get(f"/api/v1/documents/{theirs['id']}/content", headers=bearer(THEIRS))
    assert content.text == text


def test_pages_hold_nothing_of_anybody(tenants: Tenants) -> None:
    for path in ("/", "/documents", f"/documents/{tenants.theirs['document_id']}", "/hs-codes/8471.30", "/monitor"):
        for key in (OURS, THEIRS):
            page = tenants.server.get(path, headers={**bearer(key), "Accept": "text/html"})
            assert page.status_code == 200 and page.headers["content-type"].startswith("text/html"), path
            assert CANARY not in page.text.lower() and THEIR_SHELF not in page.text
