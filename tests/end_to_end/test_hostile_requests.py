"""Whatever is put into fields, names and files: nobody is called, nothing outside is told or written, no script runs.

Every field of every operation of the OpenAPI document gets each of these values. What the parts do on their own is
tested with them: where messages may go, what is served as a page's file, how markup is read, what a parser may reach.
"""

import io
import socketserver
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest
from every_route import Operation, described, filled, parameters
from journeys import upload, wait_for
from whole_server import a_whole_server

pytestmark = pytest.mark.slow  # every field of every route

SECRET: Final = "what-stands-in-no-document"
SCRIPT: Final = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
SAMPLES: Final = Path(__file__).parents[2] / "samples" / "documents"
_RUNS: Final = ("html", "svg", "application/xml", "text/xml", "javascript")
_TAKES_LONG: Final = {("post", "/api/v1/model/bench"), ("post", "/api/v1/model/reload")}


@dataclass
class Bait:
    """A listener of this machine that nobody has a reason to call, and the file that nobody may read."""

    port: int
    secret: Path
    calls: list[str] = field(default_factory=list)

    @property
    def addresses(self) -> list[str]:
        return [
            f"http://127.0.0.1:{self.port}/bait",
            f"http://localhost:{self.port}/bait",
            f"//127.0.0.1:{self.port}/bait",
            f"http://[::ffff:127.0.0.1]:{self.port}/",
        ]

    @property
    def paths(self) -> list[str]:
        up = "../" * 12
        return [f"{up}{self.secret}", str(self.secret), f"file://{self.secret}", f"..\\..\\{self.secret.name}", up]


@pytest.fixture(scope="module")
def bait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bait]:
    secret = tmp_path_factory.mktemp("outside") / "secret.txt"
    secret.write_text(SECRET)

    class Noting(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            found.calls.append(repr(self.request.recv(200)))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Noting) as listener:
        found = Bait(listener.server_address[1], secret)
        thread = threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        with pytest.raises(httpx.HTTPError):
            httpx.get(found.addresses[0])
        assert "bait" in found.calls.pop()
        yield found
        listener.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with a_whole_server(tmp_path_factory.mktemp("inside") / "data") as client:
        yield client


def _shown(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, and of several the first that is not null."""
    while True:
        if "$ref" in schema:
            schema = root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif options := schema.get("anyOf") or schema.get("oneOf"):
            schema = next(one for one in options if one.get("type") != "null")
        else:
            return schema


def _with(value: str, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """A value of this schema that has `value` wherever any text may stand."""
    schema = _shown(schema, root)
    if "enum" in schema or "const" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    match schema.get("type"):
        case "object":
            made = {name: _with(value, one, root) for name, one in schema.get("properties", {}).items()}
            return made or {value: value}
        case "array":
            return [_with(value, schema.get("items", {}), root)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return value


def _asked(
    client: httpx.Client, operation: Operation, told: dict[str, Any], root: dict[str, Any], value: str, document: str
) -> httpx.Response:
    method, path = operation
    given = told.get("parameters", [])
    values = {name: quote(value, safe="") for name in parameters(path)} | {"document_id": document, "number": "1"}
    query = {one["name"]: _with(value, one["schema"], root) for one in given if one["in"] == "query"}
    sent: dict[str, Any] = {"params": query}
    for media_type, content in told.get("requestBody", {}).get("content", {}).items():
        if media_type == "application/json":
            sent["json"] = _with(value, content["schema"], root)
        elif media_type == "multipart/form-data":
            sent |= {"data": {"collection": value, "metadata": value}, "files": {"files": (value, value.encode())}}
        else:
            sent["content"] = value.encode()
    return client.request(method, filled(path, values), headers={"Accept": "text/html, */*;q=0.1"}, **sent)


def _every_answer(client: httpx.Client, value: str) -> Iterator[tuple[Operation, httpx.Response]]:
    """Of every operation that takes any text, with `value` for it; streams that have no end are left out."""
    root = client.get("/api/v1/openapi.json").raise_for_status().json()
    document = upload(client, "a note.txt", "about nothing much", collection="notes")
    for operation, told in sorted(described(client).items(), key=lambda one: one[0][0] == "delete"):
        takes = bool(told.get("parameters") or told.get("requestBody"))
        if takes and operation not in _TAKES_LONG:
            yield operation, _asked(client, operation, told, root, value, document["id"])


def test_no_field_makes_the_server_call_an_address(server: httpx.Client, bait: Bait) -> None:
    asked = 0
    for operation, answer in _every_answer(server, bait.addresses[0]):
        asked += 1
        assert answer.status_code != 500 and "bait" not in answer.headers.get("location", ""), operation
    assert asked > 50
    for at, address in enumerate(bait.addresses):
        channel = {"name": f"bait-{at}", "kind": "webhook", "settings": {"url": address}}
        if server.post("/api/v1/monitor/channels", json=channel).status_code == 201:
            assert not server.post(f"/api/v1/monitor/channels/bait-{at}/test").json()["delivered"]
    assert bait.calls == []


def test_no_field_leads_out_of_the_data_directory(server: httpx.Client, bait: Bait) -> None:
    outside = {path: path.read_text() for path in bait.secret.parent.iterdir()}
    for path in bait.paths:
        for operation, answer in _every_answer(server, path):
            assert answer.status_code != 500, operation
            assert SECRET not in answer.text and "root:x:0:" not in answer.text, operation
    for path in (
        f"/pages/ingest/..%2f..%2f..%2f{quote(str(bait.secret))}",
        f"/shell/{quote(str(bait.secret), safe='')}",
    ):
        assert server.get(path).status_code == 404
    assert {path: path.read_text() for path in bait.secret.parent.iterdir()} == outside


def test_markup_that_was_sent_comes_back_as_no_page(server: httpx.Client) -> None:
    told_back = 0
    for operation, answer in _every_answer(server, SCRIPT):
        if "<script>" in answer.text:
            told_back += 1
            assert not any(one in answer.headers["content-type"] for one in _RUNS), operation
            assert answer.headers["x-content-type-options"] == "nosniff", operation
    assert told_back > 10
    for path in ("/documents/{}", "/hs-codes/{}", "/?q={}", "/sign-in?next={}", "/monitor#{}", "/nothing/{}"):
        answer = server.get(path.format(quote(SCRIPT)), headers={"Accept": "text/html"})
        assert "<script>alert" not in answer.text or "html" not in answer.headers["content-type"], path
        if "html" in answer.headers["content-type"]:
            assert "script-src 'self'" in answer.headers["content-security-policy"], path


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "page.xhtml", "page.mht", "note.md"])
def test_a_stored_page_does_not_run_here(server: httpx.Client, name: str) -> None:
    page = f"<html xmlns='http://www.w3.org/1999/xhtml'><body><p>a stored page</p>{SCRIPT[3:]}</body></html>"
    answer = server.put(f"/api/v1/documents/stored/{name}", content=page.encode())
    if answer.status_code == 415:
        return
    stored = server.get(f"/api/v1/documents/{answer.json()['id']}/content")
    assert stored.text == page
    assert stored.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in stored.headers["content-security-policy"]
    assert stored.headers["x-content-type-options"] == "nosniff"


def _entities(xml: bytes, entity: str) -> bytes:
    """The same with a document type that names something outside, and the entity where the first text stands."""
    head, mark, rest = xml.partition(b"?>") if xml.lstrip().startswith(b"<?xml") else (b"", b"", xml)
    before, close, after = rest.rpartition(b"</")
    kind = f'<!DOCTYPE d [<!ENTITY x SYSTEM "{entity}"><!ENTITY % y SYSTEM "{entity}"> %y;]>'.encode()
    return head + mark + kind + before + b"&x;" + close + after


def _poisoned(source: Path, entity: str) -> bytes:
    """An office file whose every XML member reaches outside."""
    made = io.BytesIO()
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(made, "w") as taken:
        for item in given.infolist():
            content = given.read(item)
            is_xml = item.filename.endswith((".xml", ".rels", ".hpf", ".opf")) and not item.filename.startswith("[")
            taken.writestr(item, _entities(content, entity) if is_xml else content)
    return made.getvalue()


def test_files_reach_nothing_outside(server: httpx.Client, bait: Bait) -> None:
    address = bait.addresses[0]
    made: dict[str, bytes] = {}
    for at, entity in enumerate((f"file://{bait.secret}", address)):
        made |= {f"{at} {one.name}": _poisoned(one, entity) for one in SAMPLES.iterdir() if zipfile.is_zipfile(one)}
        xml = f'<?xml version="1.0"?><doc><t>a text of its own {at}</t></doc>'.encode()
        made[f"{at}.xml"] = _entities(xml, entity)
        inclusion = (
            f'<x xmlns:xi="http://www.w3.org/2001/XInclude">text {at}<xi:include href="{entity}" parse="text"/></x>'
        )
        made[f"{at} included.xml"] = inclusion.encode()
        html = (
            f'<html><head><base href="{address}"><link rel="stylesheet" href="{entity}"><meta http-equiv="refresh" '
            f'content="0;url={entity}"></head><body><p>text {at}</p><img src="{entity}"><iframe src="{entity}">'
            f'</iframe><object data="{entity}"></object></body></html>'
        )
        made[f"{at}.html"] = html.encode()
        note = f"# text {at}\n\n![picture]({entity})\n\n[link]({entity})\n\n<img src='{entity}'>\n"
        made[f"{at}.md"] = note.encode()
        mail = f"From: a@example.org\nSubject: text {at}\nMIME-Version: 1.0\nContent-Type: text/html\n\n"
        made[f"{at}.eml"] = mail.encode() + html.encode()
        made[f"{at}.rtf"] = rf'{{\rtf1 text {at} {{\field{{\*\fldinst INCLUDETEXT "{entity}"}}}}}}'.encode()
    assert sum(name.endswith((".docx", ".xlsx", ".hwpx")) for name in made) >= 6
    documents = [upload(server, name, content, collection="outside") for name, content in made.items()]
    readable = 0
    for document in documents:
        ended = wait_for(server, document["id"], "searchable", "failed")
        text = server.get(f"/api/v1/documents/{document['id']}/text")
        readable += text.status_code == 200
        assert SECRET not in text.text and SECRET not in str(ended["problem"]), document["name"]
    assert readable >= len(made) // 2
    assert SECRET not in server.post("/api/v1/search", json={"query": SECRET, "limit": 100}).text
    assert bait.calls == []
