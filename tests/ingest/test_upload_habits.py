"""How clients that exist upload: their ways to write a name, to resume, to create only; and what they get wrong."""

import asyncio
from urllib.parse import quote

import httpx
import pytest
from ingest_builders import AnIngest

KOREAN = "한글 문서(최종).txt"
HIDDEN = "\u202e\u202a\u2066\u2069\u200e\u200f\u061c\ufeff\u200b\u00ad\u2060\U000e0041\ufffe\uffff\ufdd0\U0001ffff"


async def send(ingest: AnIngest, *parts: tuple[str | bytes, bytes], name: str = "files") -> httpx.Response:
    """One form whose parts have these parameters after their name, written byte by byte."""
    body = b""
    for parameters, content in parts:
        raw = parameters.encode() if isinstance(parameters, str) else parameters
        body += b'--XX\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + raw + b"\r\n\r\n"
        body += content + b"\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=XX"}
    return await ingest.client.post("/api/v1/documents", content=body + b"--XX--\r\n", headers=headers)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        (f'; filename="{KOREAN}"', KOREAN),  # browsers, curl, requests, httpx
        (f'; filename="{quote(KOREAN, safe="")}"', KOREAN),  # aiohttp
        (f"; filename*=UTF-8''{quote(KOREAN)}", KOREAN),  # requests of old, httpie, Java
        (f"; filename=\"__.txt\"; filename*=UTF-8''{quote('납품.txt')}", "납품.txt"),
        (f"; filename*=utf-8'ko'{quote('납품.txt')}; filename=\"__.txt\"", "납품.txt"),
        (f"; filename*=\"UTF-8''{quote('납품.txt')}\"", "납품.txt"),
        (f"; filename*0*=UTF-8''{quote('납품')}; filename*1=.txt", "납품.txt"),
        ('; filename*0="a long "; filename*1="name.txt"', "a long name.txt"),
        (f'; filename*0="{KOREAN[:1]}"; filename*1="{KOREAN[1:]}"', KOREAN),
        ("; filename*=iso-8859-1''caf%E9.txt", "café.txt"),
        ("; filename=\"plain.txt\"; filename*=UTF-8''%C7%D1.txt", "plain.txt"),  # what cannot be read is left out
        ("; filename=\"plain.txt\"; filename*=unheard-of''%41.txt", "plain.txt"),
        ("; filename=\"a; filename*=UTF-8''b.txt\"", "a; filename*=UTF-8''b.txt"),  # inside quotes it is text
        ('; filename="=?UTF-8?B?64Kp7ZKILnR4dA==?="', "납품.txt"),  # libraries made for mail
        ('; filename="=?utf-8?Q?caf=C3=A9?= =?utf-8?Q?=5F1.txt?="', "café_1.txt"),
        ('; filename="=?euc-kr?B?s7PHsC50eHQ=?="', "납품.txt"),
        ('; filename="=?UTF-8?B?s7PHsC50eHQ=?="', "=?UTF-8?B?s7PHsC50eHQ=?="),  # not UTF-8
        ('; filename="=?no?X?words?=.txt"', "=?no?X?words?=.txt"),
        ('; filename="a%22b%22.txt"', 'a"b".txt'),  # browsers
        ('; filename="100%25 of it.txt"', "100%25 of it.txt"),
        ('; filename="50%.txt"', "50%.txt"),
        ('; filename="%C7%D1.txt"', "%C7%D1.txt"),  # not UTF-8
        ('; filename="한글 %EA%B0%80.txt"', "한글 %EA%B0%80.txt"),  # not all ASCII, so nobody encoded it
        ('; filename="👩\u200d💻 می\u200cخواهم.txt"', "👩\u200d💻 می\u200cخواهم.txt"),
    ],
)
async def test_the_name_is_the_one_that_was_meant(ingest: AnIngest, parameters: str, name: str) -> None:
    answer = await send(ingest, (parameters, b"some text"))
    assert answer.status_code == 202, answer.text
    assert answer.json()["documents"][0]["name"] == name


@pytest.mark.parametrize("sign", HIDDEN, ids=[f"U+{ord(sign):04X}" for sign in HIDDEN])
async def test_signs_that_nobody_sees_are_refused_in_names(ingest: AnIngest, sign: str) -> None:
    name = f"invoice{sign}fdp.txt"
    document = (await ingest.put("good.txt", b"good")).json()
    for answer in (
        await ingest.put(name, b"text"),
        await send(ingest, (f'; filename="{name}"', b"text")),
        await send(ingest, (f"; filename*=UTF-8''{quote(name)}", b"text")),
        await ingest.client.patch(f"/api/v1/documents/{document['id']}", json={"name": name}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "name_not_allowed")
        assert f"U+{ord(sign):04X}" in answer.json()["detail"]


async def test_a_name_that_is_not_utf_8_is_refused_alone(ingest: AnIngest) -> None:
    answer = await send(ingest, ('; filename="한글.txt"'.encode("cp949"), b"one"), ('; filename="b.txt"', b"two"))
    first, second = answer.json()["documents"]
    assert (first["status"], first["problem"]["code"]) == ("refused", "name_not_allowed")
    assert (second["status"], second["name"]) == ("received", "b.txt")


@pytest.mark.parametrize("field", ["file", "document", "upload"])
async def test_another_field_is_answered_with_the_right_one(ingest: AnIngest, field: str) -> None:
    for parameters in ('; filename="a.txt"', ""):
        answer = await send(ingest, (parameters, b"text"), name=field)
        assert answer.status_code == 422
        assert "'files'" in answer.json()["detail"]
        assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_file_without_a_file_name_is_told_what_is_missing(ingest: AnIngest) -> None:
    answer = await send(ingest, ("", b"text"))
    assert (answer.status_code, "filename" in answer.json()["detail"]) == (422, True)


async def test_the_last_of_two_parts_with_one_name_wins(ingest: AnIngest) -> None:
    for name, order in (("stored is the last.txt", "12"), ("stored is the first.txt", "21"), ("three.txt", "121")):
        versions = {number: f"version {number} of {name}".encode() for number in "12"}
        for version in versions.values():
            document = (await ingest.put(name, version, "parts")).json()
        answer = await send_to("parts", ingest, *((name, versions[number]) for number in order))
        assert {entry["id"] for entry in answer.json()["documents"]} == {document["id"]}
        served = await ingest.client.get(f"/api/v1/documents/{document['id']}/content")
        assert served.content == versions[order[-1]]


async def send_to(collection: str, ingest: AnIngest, *files: tuple[str, bytes]) -> httpx.Response:
    """One form, as httpx writes it."""
    parts = [("files", (name, content)) for name, content in files]
    answer = await ingest.client.post("/api/v1/documents", data={"collection": collection}, files=parts)
    assert answer.status_code in (200, 202), answer.text
    return answer


async def test_parts_that_are_related_by_others_keep_their_order(ingest: AnIngest) -> None:
    files = [("a.txt", b"1"), ("b.txt", b"2"), ("c.txt", b"2"), ("b.txt", b"1"), ("d.txt", b"3")]
    answer = await send_to("chain", ingest, *files)
    alone = [(await ingest.put(name, content, "alone")).json() for name, content in files]
    together = [entry["id"] for entry in answer.json()["documents"]]
    one_by_one = [entry["id"] for entry in alone]
    assert [together.index(entry) for entry in together] == [one_by_one.index(entry) for entry in one_by_one]


async def test_a_piece_of_a_document_is_refused(ingest: AnIngest) -> None:
    headers = {"Content-Range": "bytes 0-3/10"}
    answer = await ingest.client.put("/api/v1/documents/default/a.txt", content=b"text", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "partial_upload")
    assert (await ingest.client.get("/api/v1/documents")).json()["total"] == 0


async def test_if_none_match_creates_and_never_overwrites(ingest: AnIngest) -> None:
    path, only_new = "/api/v1/documents/default/a.txt", {"If-None-Match": "*"}
    first = await ingest.client.put(path, content=b"first", headers=only_new)
    assert first.status_code == 202
    for content in (b"second", b"first"):
        again = await ingest.client.put(path, content=content, headers=only_new)
        assert (again.status_code, again.json()["code"]) == (412, "precondition_failed")
    served = await ingest.client.get(first.json()["links"]["content"])
    assert served.content == b"first"
    await ingest.ingestion.withdraw(first.json()["id"])
    assert (await ingest.client.put(path, content=b"third", headers=only_new)).status_code == 202


async def test_if_match_replaces_only_what_it_names(ingest: AnIngest) -> None:
    path = "/api/v1/documents/default/a.txt"

    async def put(content: bytes, tag: str) -> tuple[int, str]:
        answer = await ingest.client.put(path, content=content, headers={"If-Match": tag})
        return answer.status_code, answer.json().get("code", "")

    assert await put(b"first", "*") == (412, "precondition_failed")
    first = await ingest.client.put(path, content=b"first")
    tag = (await ingest.client.get(first.json()["links"]["content"])).headers["etag"]
    assert (await put(b"second", f'"other", {tag}'))[0] == 202
    for stale in (tag, "other", f"W/{tag}"):
        assert await put(b"third", stale) == (412, "precondition_failed")
    assert (await put(b"third", "*"))[0] == 202
    again = await ingest.client.put(path, content=b"x", headers={"If-None-Match": f'"{first.json()["sha256"]}"'})
    assert again.status_code == 202
    again = await ingest.client.put(path, content=b"y", headers={"If-None-Match": f'"{again.json()["sha256"]}"'})
    assert again.status_code == 412


async def test_of_many_that_create_one_name_one_wins(ingest: AnIngest) -> None:
    async def create(number: int) -> int:
        path = "/api/v1/documents/default/race.txt"
        answer = await ingest.client.put(path, content=f"{number}".encode(), headers={"If-None-Match": "*"})
        return answer.status_code

    statuses = await asyncio.gather(*(create(number) for number in range(12)))
    assert sorted(statuses) == [202] + [412] * 11
