"""What people send by mistake or on purpose: a clear error each, nothing lost, nothing else disturbed."""

import concurrent.futures
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import fpdf
import httpx
import pytest
from fpdf.enums import EncryptionMethod
from journeys import becomes, search, upload, wait_for


@pytest.fixture(autouse=True)
def others_are_not_disturbed(client: httpx.Client) -> Iterator[None]:
    """After each bad input a good one still passes from door to shelf."""
    yield
    document = upload(client, "good.txt", "A good document about bonded warehouses.", collection="undisturbed")
    wait_for(client, document["id"])
    # What is asked of each part has its time, which a busy machine may miss once.
    becomes(lambda: client.get("/health/ready").status_code == 200)


def put(client: httpx.Client, name: str, content: bytes) -> httpx.Response:
    return client.put(f"/api/v1/documents/bad/{quote(name, safe='')}", content=content)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem of an answer with this status, complete as RFC 9457 wants it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["code"]
    return body


def test_an_empty_file_is_refused(client: httpx.Client) -> None:
    assert problem(put(client, "empty.txt", b""), 422)["code"] == "empty_file"


def test_three_bytes_called_pdf_are_refused_or_fail_with_a_reason(client: httpx.Client) -> None:
    problem(put(client, "short.pdf", b"%PD"), 415)


def test_a_renamed_executable_is_refused_with_the_list_of_types(client: httpx.Client) -> None:
    body = problem(put(client, "report.docx", b"MZ\x90\x00" + bytes(4_000)), 415)
    assert "PDF" in body["detail"]


def test_a_password_protected_pdf_fails_with_a_reason(client: httpx.Client) -> None:
    pdf = fpdf.FPDF()
    pdf.set_encryption(owner_password="owner", user_password="secret", encryption_method=EncryptionMethod.RC4)
    pdf.add_page()
    pdf.set_font("helvetica")
    pdf.cell(text="Secret tariff plans")
    document = upload(client, "secret.pdf", bytes(pdf.output()), collection="bad")
    failed = wait_for(client, document["id"], "failed")
    assert failed["problem"]["code"] == "encrypted"
    assert "password" in failed["problem"]["detail"]


def test_fifty_megabytes_in_one_line_end_searchable_or_with_a_reason(client: httpx.Client) -> None:
    line = ("customs tariff " * 3_500_000)[: 50 << 20].encode()
    document = upload(client, "line.txt", line, collection="bad", timeout=120)
    # Enough to know that it is worked on and disturbs nobody; embedding it all would take minutes.
    assert document["status"] in ("received", "processing", "failed")
    other = upload(client, "beside.txt", "A short note beside the giant.", collection="beside")
    wait_for(client, other["id"])
    assert client.delete(f"/api/v1/documents/{document['id']}").status_code in (202, 204)


@pytest.mark.parametrize(
    "name",
    ["../etc/passwd", "a/../b.txt", "nul\x00byte.txt", "bell\x07.txt", "가" * 300, ".", ""],
    ids=["parent", "inner parent", "nul", "control", "300 syllables", "dot", "nothing"],
)
def test_a_name_that_cannot_be_is_refused(client: httpx.Client, name: str) -> None:
    # Written by hand: a client library would escape what is tried here.
    head = f'--edge\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    answer = client.post(
        "/api/v1/documents",
        content=head.encode() + b"some text\r\n--edge--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=edge"},
    )
    assert answer.status_code in (400, 422), answer.text
    assert client.get("/api/v1/documents", params={"collection": "default"}).json()["items"] == []


def test_a_truncated_upload_leaves_nothing(client: httpx.Client) -> None:
    def half() -> Iterator[bytes]:
        yield b"the first half about Truncatoria"
        raise ConnectionError("the cable was pulled")

    with pytest.raises(ConnectionError):
        client.put("/api/v1/documents/truncated/half.txt", content=half())
    names = client.get("/api/v1/documents", params={"collection": "truncated"})
    assert names.status_code == 404 or names.json()["items"] == []


def test_an_unknown_collection_is_not_found(client: httpx.Client) -> None:
    answer = client.post("/api/v1/search", json={"query": "anything", "filters": {"collection": "nowhere"}})
    problem(answer, 404)


def test_a_name_taken_by_another_document_is_a_conflict(client: httpx.Client) -> None:
    upload(client, "taken.txt", "The first one has the name.", collection="names")
    second = upload(client, "second.txt", "The second one wants it.", collection="names")
    problem(client.patch(f"/api/v1/documents/{second['id']}", json={"name": "taken.txt"}), 409)


def test_fifty_uploads_of_the_same_bytes_are_one_document(client: httpx.Client) -> None:
    def send(number: int) -> dict[str, Any]:
        while True:
            try:
                return upload(client, f"copy-{number}.txt", "The same bytes from fifty people.", collection="copies")
            except httpx.HTTPStatusError as told:
                # A busy machine may ask some of them to come again; whoever does is served.
                problem(told.response, 503)
                time.sleep(float(told.response.headers["Retry-After"]))

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        documents = list(pool.map(send, range(50)))
    assert len({document["id"] for document in documents}) == 1
    assert sum(not document["duplicate"] for document in documents) == 1
    done = wait_for(client, documents[0]["id"])
    assert len(done["names"]) == 50
    assert search(client, "fifty people", filters={"collection": "copies"})["total"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"query": "   "}, 422),
        ({"query": "세율 " * 3_400}, 422),
        ({"query": "tariff", "limit": 0}, 422),
        ({"query": "tariff", "unknown": 1}, 422),
        ({"query": "tariff", "cursor": "nonsense"}, 400),
        ({"query": "tariff", "filters": {"weather": "fine"}}, 422),
    ],
    ids=["spaces", "10,000 characters", "limit 0", "unknown field", "bad cursor", "unknown filter"],
)
def test_a_search_that_cannot_be_is_refused(client: httpx.Client, body: dict[str, Any], status: int) -> None:
    problem(client.post("/api/v1/search", json=body), status)


def test_a_cursor_of_another_query_is_refused(client: httpx.Client) -> None:
    for number in range(3):
        document = upload(client, f"{number}.txt", f"Freight note number {number}.", collection="cursors")
        wait_for(client, document["id"])
    first = search(client, "freight note", limit=1, filters={"collection": "cursors"})
    assert first["next_cursor"]
    other = {"query": "other words", "limit": 1, "cursor": first["next_cursor"], "filters": {"collection": "cursors"}}
    problem(client.post("/api/v1/search", json=other), 400)


def test_a_program_is_refused_whatever_its_name(client: httpx.Client) -> None:
    for name in ("report.pdf", "program"):
        problem(put(client, name, b"\x7fELF\x02\x01\x01" + bytes(100)), 415)


def test_a_json_body_beyond_the_limit_is_refused(client: httpx.Client) -> None:
    problem(client.post("/api/v1/search", json={"query": "x" * (2 << 20)}), 413)
