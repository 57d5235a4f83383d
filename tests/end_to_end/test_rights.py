"""Every route that the OpenAPI document has, without a key, with a wrong one, and with one that may not do this."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from every_route import bearer, described, filled
from whole_server import a_whole_server

OPEN: Final = {"/health/live", "/health/ready", "/api/v1/session"}
"""Health is asked by machines without a key; a session is how a browser gets in, and says what is wrong with a key."""
READER, WRITER, ADMIN = "reader-of-one-0123456789", "writer-of-one-0123456789", "operator-of-all-01234567"
ADMIN_OF_ONE: Final = "operator-of-one-01234567"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("rights")
    keys = folder / "keys.txt"
    keys.write_text(
        f"{READER} one read\n{WRITER} one read,write\n{ADMIN} * read,write,admin\n"
        f"{ADMIN_OF_ONE} one read,write,admin one-keeper\n"
    )
    keys.chmod(0o600)
    with a_whole_server(folder / "data", api_keys_file=Path(keys)) as client:
        yield client


def _operations(client: httpx.Client) -> list[tuple[str, str]]:
    return [(method, path) for method, path in described(client, bearer(ADMIN)) if path not in OPEN]


def _asked(client: httpx.Client, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    url = filled(path, {})
    body: dict[str, Any] = {"json": {}} if method in ("post", "put", "patch") else {}
    return client.request(method, url, headers=headers, **body)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unauthenticated"),
        ({"Authorization": "Basic cmVhZGVyOnJlYWRlcg=="}, "unauthenticated"),
        (bearer(READER[:-1]), "unknown_key"),
        ({"Cookie": "seoga_session=reader-of-one-0123456789"}, "unauthenticated"),
    ],
)
def test_no_route_answers_without_a_right_key(guarded: httpx.Client, headers: dict[str, str], code: str) -> None:
    operations = _operations(guarded)
    assert len(operations) > 60
    for method, path in operations:
        answer = _asked(guarded, method, path, headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code), (method, path, answer.text)


def test_a_key_that_may_only_read_changes_nothing(guarded: httpx.Client) -> None:
    reads = {"/api/v1/search", "/api/v1/hs-codes/spot", "/api/v1/model/images"}
    own = ("/api/v1/chat", "/v1/")  # conversations are the key's own; embedding keeps nothing
    for method, path in _operations(guarded):
        if method == "get" or path in reads or path.startswith(own):
            continue
        answer = _asked(guarded, method, path, bearer(READER))
        assert answer.status_code == 403, (method, path, answer.text)


def test_what_operators_do_is_not_for_who_only_writes(guarded: httpx.Client) -> None:
    for method, path in [
        ("post", "/api/v1/model/reload"),
        ("post", "/api/v1/storage/collect"),
        ("post", "/api/v1/monitor/dead-letters/replay"),
        ("post", "/api/v1/monitor/rules"),
        ("get", "/api/v1/monitor/channels"),
        ("get", "/api/v1/settings"),
        ("get", "/api/v1/keys"),
        ("post", "/api/v1/keys"),
        ("delete", "/api/v1/keys/{name}"),
        ("get", "/api/v1/audit"),
    ]:
        answer = _asked(guarded, method, path, bearer(WRITER))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path, answer.text)


def test_who_administers_one_collection_manages_no_keys(guarded: httpx.Client) -> None:
    for method, path in [("get", "/api/v1/keys"), ("post", "/api/v1/keys"), ("get", "/api/v1/audit")]:
        answer = _asked(guarded, method, path, bearer(ADMIN_OF_ONE))
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path, answer.text)


def test_the_audit_log_tells_what_was_done_with_which_key(guarded: httpx.Client) -> None:
    answer = guarded.post("/api/v1/keys", json={"name": "정산팀", "rights": ["read", "write"]}, headers=bearer(ADMIN))
    made = bearer(answer.raise_for_status().json()["key"])
    put = guarded.put("/api/v1/documents/one/a.txt", content=b"some text", headers=made)
    document = put.raise_for_status().json()["id"]
    request = {**made, "X-Request-ID": "that-request"}
    assert guarded.delete(f"/api/v1/documents/{document}", headers=request).status_code in (202, 204)
    assert guarded.delete(f"/api/v1/documents/{document}", headers=made).status_code == 404
    put = guarded.put("/api/v1/documents/two/b.txt", content=b"some more text", headers=made).raise_for_status()
    moved = guarded.post(f"/api/v1/documents/{put.json()['id']}/move", json={"collection": "three"}, headers=made)
    assert moved.status_code == 202, moved.text
    assert guarded.delete("/api/v1/collections/three", headers=made).status_code in (202, 204)
    guarded.post("/api/v1/model/reload", json={"shared": "on"}, headers=bearer(ADMIN)).raise_for_status()
    guarded.delete("/api/v1/keys/정산팀", headers=bearer(ADMIN)).raise_for_status()
    assert guarded.delete("/api/v1/collections/two", headers=made).status_code == 401

    page = guarded.get("/api/v1/audit", headers=bearer(ADMIN)).raise_for_status().json()
    told = [tuple(one[name] for name in ("key_name", "action", "subject", "collection")) for one in page["items"]]
    assert told == [
        ("keys-file:3", "key.withdrawn", "정산팀", None),
        ("keys-file:3", "model.reloaded", "embedding", None),
        ("정산팀", "collection.deleted", "three", "three"),
        ("정산팀", "document.moved", put.json()["id"], "two"),
        ("정산팀", "document.deleted", document, "one"),
        ("keys-file:3", "key.made", "정산팀", None),
    ]
    deleted = page["items"][4]
    assert (deleted["detail"], deleted["count"], deleted["correlation_id"]) == ("a.txt", 1, "that-request")
