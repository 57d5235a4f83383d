"""Access: who is let in, with keys and without, and what a keys file may say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from shared.kernel import NotFound
from shared.settings import WrongSettings
from shared.web.access import Access, Principal
from shared.web.problems import AccessDenied, install_problem_handlers

READER, WRITER, ADMIN = "reader-key-0000001", "writer-key-0000002", "admin-key-00000003"


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(
        f"# the keys\n\n{READER}  invoices,notes  read\n"
        f"{WRITER} * read,write # everything\n{ADMIN}\t*\tread,write,admin\n"
    )
    return file


@asynccontextmanager
async def a_client(access: Access) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/read")
    async def read(who: Annotated[Principal, Depends(access.reader)]) -> list[str]:
        return sorted(who.collections)

    @app.post("/write")
    async def write(_: Annotated[Principal, Depends(access.writer)]) -> None: ...

    @app.post("/administer")
    async def administer(_: Annotated[Principal, Depends(access.admin)]) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost:8000") as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    ("key", "statuses"), [(READER, (200, 403, 403)), (WRITER, (200, 200, 403)), (ADMIN, (200, 200, 200))]
)
async def test_a_key_allows_its_rights_and_no_more(keys_file: Path, key: str, statuses: tuple[int, ...]) -> None:
    async with a_client(Access.from_file(keys_file)) as client:
        answers = (
            await client.get("/read", headers=bearer(key)),
            await client.post("/write", headers=bearer(key)),
            await client.post("/administer", headers=bearer(key)),
        )
    assert tuple(answer.status_code for answer in answers) == statuses


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-key-000000",
        f"Basic {READER}",
        READER,
        f"Bearer {READER}x",
        "Bearer é",
    ],
)
async def test_without_a_known_key_nobody_is_let_in(keys_file: Path, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    async with a_client(Access.from_file(keys_file)) as client:
        answer = await client.get("/read", headers=headers)  # type: ignore[arg-type]  # bytes on purpose
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


async def test_the_scheme_is_read_without_regard_to_case(keys_file: Path) -> None:
    async with a_client(Access.from_file(keys_file)) as client:
        answer = await client.get("/read", headers={"Authorization": f"bearer {READER}"})
    assert answer.json() == ["invoices", "notes"]


async def test_with_keys_any_host_is_answered(keys_file: Path) -> None:
    async with a_client(Access.from_file(keys_file)) as client:
        answer = await client.get("/read", headers={**bearer(READER), "Host": "seoga.example.org"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost:8000", "LOCALHOST", "127.0.0.1", "127.0.0.1:9", "127.1.2.3:80", "[::1]:8000", "[::1]"]
)
async def test_without_keys_this_machine_may_do_everything(host: str) -> None:
    async with a_client(Access.from_file(None)) as client:
        for origin in ({}, {"Origin": "http://localhost:3000"}, {"Origin": "http://127.0.0.1:8000"}):
            answer = await client.post("/administer", headers={"Host": host, **origin})
            assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1", "[::2]", "@"]
)
async def test_without_keys_a_foreign_host_is_refused(host: str) -> None:
    async with a_client(Access.from_file(None)) as client:
        answer = await client.get("/read", headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_host")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[", "x"])
async def test_without_keys_a_foreign_page_is_refused(origin: str) -> None:
    async with a_client(Access.from_file(None)) as client:
        answer = await client.post("/write", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_a_principal_sees_its_collections_only() -> None:
    some = Principal(frozenset(("invoices",)), frozenset(("read",)))
    assert some.sees("invoices")
    assert not some.every_collection
    some.must_see("invoices")
    some.must_see_to_write("invoices")
    with pytest.raises(NotFound):
        some.must_see("notes")
    with pytest.raises(AccessDenied):
        some.must_see_to_write("notes")
    everything = Principal(frozenset("*"), frozenset(("read",)))
    assert everything.sees("notes")
    assert (some.visible, everything.visible) == (frozenset(("invoices",)), None)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("short * read", "line 2"),
        ("long-enough-key-1 * fly", "line 2"),
        ("long-enough-key-1 read", "line 2"),
        ("long-enough-key-1 * read extra", "line 2"),
        ("long-enough-key-1 a,,b read", "line 2"),
        ("long-enough-key-1 a,* read", "line 2"),
        ("long-enough-key-é * read", "line 2"),
        ("long-enough-key-0 * read", "earlier line"),
    ],
)
def test_a_wrong_line_is_named_and_the_key_is_not_shown(tmp_path: Path, line: str, hint: str) -> None:
    file = tmp_path / "keys"
    file.write_text(f"long-enough-key-0 * read\n{line}\n", encoding="utf-8")
    with pytest.raises(WrongSettings, match=hint) as caught:
        Access.from_file(file)
    assert line.split()[0] not in str(caught.value)


def test_a_file_without_keys_or_that_cannot_be_read_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="No such file"):
        Access.from_file(tmp_path / "nothing")
    (tmp_path / "empty").write_text("# no key\n")
    with pytest.raises(WrongSettings, match="no key"):
        Access.from_file(tmp_path / "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongSettings, match="UTF-8"):
        Access.from_file(tmp_path / "binary")
