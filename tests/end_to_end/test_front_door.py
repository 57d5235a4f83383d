"""What every route has in common: which strings are text, and what HTTP promises of any address."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from journeys import upload, wait_for

from shared.kernel import new_id

HALF = "\ud83d"
# As JavaScript's encodeURI refuses to write it, but hand-made clients do.
QUOTED_HALF = "%ED%A0%BD"
NEEDED: dict[str, dict[str, Any]] = {
    "/api/v1/search": {"query": "세율"},
    "/v1/embeddings": {"input": "세율"},
    "/v1/tokens": {"input": "세율"},
    "/api/v1/monitor/dead-letters/replay": {"reason": "세율"},
    "/api/v1/chat": {"question": "세율"},
    "/api/v1/chat/x/messages/x/feedback": {"rating": "up"},
    "/api/v1/monitor/rules": {"name": "세율", "metric": "documents_stuck"},
    "/api/v1/monitor/silences": {"ends_at": "2099-01-01T00:00:00Z", "starts_at": "2098-12-31T00:00:00Z"},
    "/api/v1/monitor/rules/x": {"name": "세율", "metric": "documents_stuck"},
    "/api/v1/keys": {"name": "세율"},
    "/api/v1/evaluations": {"name": "세율", "questions": [{"id": "1", "text": "세율", "relevant": {"a.txt": 1}}]},
}


@pytest.fixture(scope="module")
def paths(client: httpx.Client) -> dict[str, Any]:
    document = client.get("/api/v1/openapi.json").json()
    _resolve(document, document)
    found: dict[str, Any] = document["paths"]
    return found


def _resolve(node: Any, document: dict[str, Any]) -> None:
    """References to components are replaced by what they name."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        if isinstance(value, dict) and "$ref" in value:
            name = value["$ref"].rpartition("/")[2]
            node[key] = document["components"]["schemas"][name]
        elif isinstance(value, dict | list):
            _resolve(value, document)


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield method, re.sub(r"\{\w+(:path)?\}", "x", path), operation


def _refusal(answer: httpx.Response, field: str) -> None:
    assert answer.status_code == 422, (answer.request.url, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert field in [error["field"] for error in answer.json()["errors"]], answer.text


def _properties(schema: dict[str, Any]) -> set[str]:
    inner = [_properties(one) for one in schema.get("anyOf", [])]
    return set(schema.get("properties", ())).union(*inner)


@pytest.mark.slow
def test_a_half_in_any_field_of_any_body_is_refused(client: httpx.Client, paths: dict[str, Any]) -> None:
    put = client.put("/api/v1/documents/halves/a.txt", content=b"some text")
    tried = set()
    for method, path, operation in _operations(paths):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        # A document that is not there would be told first.
        needed, path = NEEDED.get(path, {}), _there(path, put.json()["id"])
        for field in _properties(content["schema"]) if content else ():
            for value, place in ((HALF, ""), ([f"a{HALF}b"], ".0"), ({f"k{HALF}": 1}, ".k\\ud83d")):
                body = json.dumps({**needed, field: value})
                answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
                _refusal(answer, f"body.{field}{place}")
            tried.add((path, field))
    assert len(tried) > 20


def _there(path: str, document_id: str) -> str:
    """The path with the id of a document that there is, and of others that could be."""
    for part in ("/documents", "/chat", "/messages"):
        path = path.replace(f"{part}/x", f"{part}/{document_id}")
    return path


def _nulls(schema: dict[str, Any]) -> dict[str, None]:
    """Every property that may be left out."""
    options = [one for one in schema.get("anyOf", [schema]) if "properties" in one]
    return {name: None for one in options for name in one["properties"] if name not in one.get("required", ())}


@pytest.mark.slow
def test_null_is_not_given_in_any_optional_field(client: httpx.Client, paths: dict[str, Any]) -> None:
    put = client.put("/api/v1/documents/nulls/a.txt", content=b"some text of nulls")
    tried = 0
    for method, path, operation in _operations(paths):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        nulls = _nulls(content["schema"]) if content else {}
        if not nulls:
            continue
        needed, path = NEEDED.get(path, {}), _there(path, put.json()["id"])
        for fields in (nulls, *({name: None} for name in nulls)):
            answer = client.request(method, path, json={**fields, **needed})
            assert answer.status_code != 422, (path, fields, answer.text)
            tried += 1
        document = content["schema"].get("anyOf", [content["schema"]])[0]
        for name in nulls:
            assert {"type": "null"} in document["properties"][name]["anyOf"], (path, name)
    assert tried > 25
    form = {"collection": "nulls", "metadata": "null"}
    files = [("files", ("b.txt", b"other text"))]
    assert client.post("/api/v1/documents", data=form, files=files).status_code == 202


def test_a_half_in_the_name_of_a_field_is_refused(client: httpx.Client) -> None:
    for path in (one for one in NEEDED if "/x" not in one):
        body = json.dumps({**NEEDED[path], HALF: 1})
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        _refusal(answer, "body.\\ud83d")


def test_a_half_deep_inside_is_refused(client: httpx.Client) -> None:
    filters = {"metadata.a": {"gte": HALF}}
    body = json.dumps({"query": "x", "filters": filters})
    answer = client.post("/api/v1/search", content=body, headers={"Content-Type": "application/json"})
    _refusal(answer, "body.filters.metadata.a.gte")


@pytest.mark.parametrize("metadata", [{"a": HALF}, {HALF: 1}, {HALF: {"b": 1}}, {"a": ["b", HALF]}])
def test_halves_in_the_metadata_of_a_form_are_refused(client: httpx.Client, metadata: dict[str, Any]) -> None:
    form = {"metadata": json.dumps(metadata), "collection": "halves"}
    answer = client.post("/api/v1/documents", data=form, files=[("files", ("b.txt", b"text"))])
    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_metadata")
    assert answer.json()["errors"][0]["field"].startswith("metadata")


def test_a_whole_pair_is_text(client: httpx.Client) -> None:
    for body in (b'{"query": "\\ud83d\\udea2"}', '{"query": "🚢"}'.encode()):
        answer = client.post("/api/v1/search", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 200


@pytest.mark.parametrize("wrong", [QUOTED_HALF, "%C7%D1%B1%DB", "a%FF", "%C0%80"], ids=["half", "CP949", "FF", "long"])
def test_an_address_that_is_not_utf_8_is_refused_in_every_parameter(
    client: httpx.Client, paths: dict[str, Any], wrong: str
) -> None:
    for path, methods in paths.items():
        for method, operation in methods.items():
            plain = re.sub(r"\{\w+(:path)?\}", "x", path)
            for parameter in operation.get("parameters", []):
                name = parameter["name"]
                if parameter["in"] == "query":
                    _refusal(client.request(method, f"{plain}?{name}={wrong}"), f"query.{name}")
                elif parameter["in"] == "path":
                    hit = path.replace("{" + name + "}", wrong).replace("{" + name + ":path}", wrong)
                    _refusal(client.request(method, re.sub(r"\{\w+(:path)?\}", "x", hit)), "path")


def _raw(client: httpx.Client, target: bytes, host: bytes = b"localhost") -> tuple[int, bytes, Any]:
    """Status, content type and body of a request line that no client library would send."""
    url = urlsplit(str(client.base_url))
    with socket.create_connection((url.hostname, url.port or 80), timeout=30) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    kind = re.search(rb"(?i)content-type: ([\w/+]+)", head)
    assert kind is not None, answer
    return int(head.split()[1]), kind[1], json.loads(body)


def test_korean_in_the_request_line_as_it_is_means_the_same_as_encoded(client: httpx.Client) -> None:
    name = "노트북 안내.txt"
    client.put(f"/api/v1/documents/raw/{quote(name)}", content="한글로 된 안내".encode())
    encoded = client.get("/api/v1/documents", params={"collection": "raw", "name": "노트북"}).json()
    assert encoded["total"] == 1
    status, _, raw = _raw(client, "/api/v1/documents?collection=raw&name=노트북".encode())
    assert (status, raw["total"]) == (200, 1)
    status, _, missing = _raw(client, "/api/v1/나라".encode())
    assert (status, missing["instance"]) == (404, "/api/v1/나라")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/v1/search?q=관세".encode("cp949"), 422),
        ("/api/v1/관세".encode("cp949"), 422),
        (b"/api/v1/search?q=a b", 400),
        (b"/api/v1/search?q=a\x01b", 400),
    ],
    ids=["CP949 query", "CP949 path", "space", "control"],
)
def test_any_other_request_line_is_a_problem_that_says_what_to_do(
    client: httpx.Client, target: bytes, status: int
) -> None:
    seen, kind, problem = _raw(client, target)
    assert (seen, kind, problem["status"]) == (status, b"application/problem+json", status)
    assert "%XX" in problem["detail"]


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    """A document that is searchable."""
    return wait_for(client, upload(client, "head.txt", "Head and tail of a document.", collection="heads")["id"])


def test_head_is_answered_wherever_get_is_and_as_get_is(
    client: httpx.Client, paths: dict[str, Any], document: dict[str, Any]
) -> None:
    gets = [path for path, methods in paths.items() if "get" in methods]
    assert len(gets) > 15
    for path in [*gets, "/api/v1/openapi.json", "/nowhere"]:
        target = path.replace("{document_id}", document["id"])
        params = {"q": "tail"} if path == "/api/v1/search" else {}
        with client.stream("GET", target, params=params) as get:
            # Events may have no end.
            if get.headers.get("content-type") != "text/event-stream; charset=utf-8":
                get.read()
        head = client.head(target, params=params)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        # What differs from one GET to the next, and how a body is cut, is not of the headers.
        cut = {"transfer-encoding", "content-length"}
        assert set(head.headers) - cut == set(get.headers) - cut, path
        assert head.headers.get("content-type") == get.headers.get("content-type"), path
        if path in paths:
            kind = get.headers["content-type"].partition(";")[0]
            assert kind in paths[path]["get"]["responses"][str(get.status_code)]["content"], (path, kind)


def _beyond(schema: dict[str, Any]) -> Iterator[Any]:
    """One value just beyond each limit that the schema states, of numbers, texts and lists."""
    for one in [schema, *schema.get("anyOf", [])]:
        if "maximum" in one:
            yield int(one["maximum"]) + 1
        if "minimum" in one:
            yield int(one["minimum"]) - 1
        if "maxLength" in one:
            yield "a" * (one["maxLength"] + 1)
        if "maxItems" in one:
            yield ["a"] * (one["maxItems"] + 1)
        if "maxProperties" in one:
            yield {f"metadata.a{number}": 1 for number in range(one["maxProperties"] + 1)}
        if "enum" in one:
            yield "something else"


def _of_another_kind(schema: dict[str, Any]) -> Iterator[Any]:
    """Values that a lenient reader would take for one of the schema's."""
    kinds = {one.get("type") for one in [schema, *schema.get("anyOf", [])]}
    if "boolean" in kinds:
        yield from (0, 1, "true", "yes")
    if "integer" in kinds:
        yield from ("10", True)
    if "string" in kinds:
        yield from (10, True)


def test_limits_are_stated_as_they_are_enforced(client: httpx.Client, paths: dict[str, Any]) -> None:
    tried = []
    for method, path, operation in _operations(paths):
        # The address of a conversation is one with an id alone.
        asked = _there(path, new_id()) if path.startswith("/api/v1/chat/") else path
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        for name, schema in (content["schema"].get("properties", {}) if content else {}).items():
            for value in [*_beyond(schema), *_of_another_kind(schema)] if path in NEEDED else ():
                answer = client.request(method, asked, json={**NEEDED[path], name: value})
                is_cursor = name == "cursor" and isinstance(value, str)
                assert answer.status_code == (400 if is_cursor else 422), (path, name, value, answer.text)
                tried.append((path, name))
        for parameter in operation.get("parameters", []):
            for value in _beyond(parameter["schema"]) if parameter["in"] == "query" else ():
                needed = {"q": "x"} if path == "/api/v1/search" else {}
                # A document that is not there is told after what is wrong with the query.
                answer = client.request(method, asked, params={**needed, parameter["name"]: value})
                assert answer.status_code in (400, 422), (path, parameter["name"], answer.text)
                tried.append((path, parameter["name"]))
    assert len(set(tried)) > 30


def test_head_of_a_document_tells_its_size_and_ranges(client: httpx.Client, document: dict[str, Any]) -> None:
    path = document["links"]["content"]
    for headers, status, size in (({}, 200, document["size"]), ({"Range": "bytes=2-4"}, 206, 3)):
        head = client.head(path, headers=headers)
        assert (head.status_code, int(head.headers["content-length"])) == (status, size)
    assert client.head(path, headers={"If-None-Match": head.headers["etag"]}).status_code == 304
    assert client.head(path + "?revision=9").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/documents/{id}/content", "GET, HEAD"),
        ("PUT", "/api/v1/documents/{id}/content", "GET, HEAD"),
        ("PUT", "/api/v1/documents/{id}/reprocess", "POST"),
        ("PUT", "/api/v1/documents/{id}/similar", "GET, HEAD"),
        ("PUT", "/api/v1/documents/{id}/pages/1?width=9", "GET, HEAD"),
        ("PUT", "/api/v1/documents/{id}", "DELETE, GET, HEAD, PATCH"),
        ("DELETE", "/api/v1/documents", "GET, HEAD, POST"),
        ("OPTIONS", "/api/v1/search", "GET, HEAD, POST"),
        ("POST", "/health/live", "GET, HEAD"),
        ("HEAD", "/v1/embeddings", "POST"),
        ("GET", "/api/v1/documents/some/folder/a%3Fb.txt", "PUT"),
        ("PURGE", "/metrics", "GET, HEAD"),
    ],
)
def test_405_names_every_method_of_the_address(
    client: httpx.Client, document: dict[str, Any], method: str, path: str, allowed: str
) -> None:
    answer = client.request(method, path.replace("{id}", document["id"]))
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_a_browser_that_opens_the_monitors_numbers_sees_its_page(client: httpx.Client) -> None:
    sent = client.get("/api/v1/monitor", headers={"Accept": "text/html,*/*"}, follow_redirects=False)
    assert (sent.status_code, sent.headers["location"]) == (303, "/monitor")
    page = client.get("/monitor", headers={"Accept-Language": "ko"})
    assert page.status_code == 200 and '<html lang="ko"' in page.text and "<h1>모니터</h1>" in page.text
    program = client.get("/api/v1/monitor")
    assert program.headers["vary"] == "Accept" and program.json()["documents"]
