"""A mail in an archive in an archive: what is inside is found, and goes with what it came in."""

import io
import time
import zipfile
from email.message import EmailMessage
from typing import Any

import httpx
from journeys import found_names, upload, wait_for


def an_archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def a_mail() -> bytes:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "선적 일정 변경", "kim@example.com", "lee@example.com"
    mail.set_content("배가 사흘 늦게 떠납니다.")
    mail.add_attachment("코드,이름\n8471,컴퓨터\n".encode(), maintype="text", subtype="csv", filename="물품.csv")
    return mail.as_bytes()


def parts(client: httpx.Client, parent: str, count: int) -> dict[str, dict[str, Any]]:
    """What was found in it, once that many are searchable."""
    deadline = time.monotonic() + 60
    while True:
        answer = client.get("/api/v1/documents", params={"parent": parent}).raise_for_status().json()
        if [item["status"] for item in answer["items"]].count("searchable") == count:
            return {item["name"].rpartition("/")[2]: item for item in answer["items"]}
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


def test_what_is_inside_is_found_and_goes_with_what_it_came_in(client: httpx.Client) -> None:
    inner = an_archive({"일정.eml": a_mail()})
    outer = an_archive({"자료/안내.txt": "통관 안내문입니다.".encode("cp949"), "inner.zip": inner})
    wait_for(client, upload(client, "stays.txt", "남는 글", collection="inside")["id"])
    top = upload(client, "all.zip", outer, collection="inside")["id"]
    wait_for(client, top)
    first = parts(client, top, 2)
    second = parts(client, first["inner.zip"]["id"], 1)
    third = parts(client, second["일정.eml"]["id"], 1)
    assert third["물품.csv"]["media_type"] == "text/csv"
    assert client.get(f"/api/v1/documents/{top}").json()["children"] == 2
    where = {"mode": "keyword", "filters": {"collection": "inside"}}
    assert found_names(client, "통관 안내문", **where)[0] == "all.zip/자료/안내.txt"
    assert found_names(client, "배가 사흘", **where)[0] == "all.zip/inner.zip/일정.eml"
    assert found_names(client, "컴퓨터", **where)[0] == "all.zip/inner.zip/일정.eml/물품.csv"
    # The same archive in another collection: nothing is parsed again, and its parts are documents there too.
    copy = upload(client, "copy.zip", outer, collection="beside")["id"]
    wait_for(client, copy)
    parts(client, copy, 2)
    assert client.delete(f"/api/v1/documents/{top}").status_code in (202, 204)
    deadline = time.monotonic() + 60
    while client.get("/api/v1/documents", params={"collection": "inside"}).json()["total"] > 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    while found_names(client, "컴퓨터", **where):  # the index hears of it a moment later
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parts(client, copy, 2)
