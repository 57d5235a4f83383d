"""Access: who is let in, with keys and without, and what a keys file may say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel import NotFound
from shared.settings import WrongSettings
from shared.web.access import Access, Principal
from shared.web.key_digests import digests_of
from shared.web.keys_file import RIGHTS
from shared.web.problems import install_problem_handlers
from shared.web.refusals import AccessDenied, NotAuthenticated, UnknownKey
from shared.web.session_routes import build_session_router
from shared.web.sessions import SESSION_SECONDS, key_of_session, open_session

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
        f"Basic {READER}",
        READER,
    ],
)
async def test_without_a_key_nobody_is_let_in(keys_file: Path, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    async with a_client(Access.from_file(keys_file)) as client:
        answer = await client.get("/read", headers=headers)  # type: ignore[arg-type]  # bytes on purpose
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["code"] == "unauthenticated"


@pytest.mark.parametrize("key", ["wrong-key-000000", f"{READER}x", "é"])
async def test_a_wrong_key_is_told_from_a_missing_one(keys_file: Path, key: str) -> None:
    headers = {"Authorization": f"Bearer {key}".encode("latin-1")}
    async with a_client(Access.from_file(keys_file)) as client:
        answer = await client.get("/read", headers=headers)  # type: ignore[arg-type]  # bytes on purpose
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.json()["code"] == "unknown_key"


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
        ("long-enough-key-1 * read a name", "line 2"),
        ("long-enough-key-1 * read a/b", "line 2.*name of a key"),
        ("long-enough-key-1 * read anonymous", "line 2.*name of a key"),
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


def a_request(method: str, session: str | None = None, **headers: str) -> Request:
    given = {"host": "seoga.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if session is not None:
        given["cookie"] = f"seoga_session={session}"
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": raw})


async def test_a_session_is_its_key_until_that_is_withdrawn(keys_file: Path) -> None:
    access = Access({READER: Principal(frozenset(("notes",)), frozenset(("read",)))})
    opened = access.open_session(a_request("POST"), READER)
    assert opened.session is not None and READER not in opened.session
    who = await access.reader(a_request("GET", opened.session))
    assert who == Principal(frozenset(("notes",)), frozenset(("read",)))
    with pytest.raises(AccessDenied):
        await access.writer(a_request("GET", opened.session))
    without = Access({WRITER: Principal(frozenset(("*",)), frozenset(("read",)))})
    with pytest.raises(NotAuthenticated):
        await without.reader(a_request("GET", opened.session))
    with pytest.raises(UnknownKey):
        access.open_session(a_request("POST"), WRITER)


async def test_a_change_by_a_session_needs_its_token() -> None:
    access = Access({ADMIN: Principal(frozenset(("*",)), RIGHTS)})
    opened, other = (access.open_session(a_request("POST"), ADMIN) for _ in range(2))
    assert opened.csrf_token and access.csrf_token_of(a_request("GET", opened.session)) == opened.csrf_token
    await access.writer(a_request("DELETE", opened.session, x_csrf_token=opened.csrf_token))
    for wrong in (
        a_request("DELETE", opened.session),
        a_request("POST", opened.session, x_csrf_token=other.csrf_token or ""),
        a_request("PUT", opened.session, x_csrf_token=opened.csrf_token, sec_fetch_site="cross-site"),
    ):
        with pytest.raises(AccessDenied):
            await access.writer(wrong)
    with pytest.raises(AccessDenied):
        access.open_session(a_request("POST", sec_fetch_site="cross-site"), ADMIN)


@given(st.text(), st.integers(0, 200), st.characters())
def test_nothing_but_what_was_opened_is_a_session(any_text: str, place: int, other: str) -> None:
    session = open_session(ADMIN, now=lambda: 1_000)
    admin, keys = digests_of(ADMIN), [digests_of(READER), digests_of(ADMIN)]
    assert key_of_session(session, keys, now=lambda: 2_000) == admin
    assert key_of_session(session, keys, now=lambda: 1_000 + SESSION_SECONDS) is None
    place %= len(session)
    changed = session[:place] + other + session[place + 1 :]
    assert changed == session or key_of_session(changed, [admin], now=lambda: 2_000) is None
    assert key_of_session(any_text, [admin]) is None


async def test_a_key_is_exchanged_for_a_cookie_that_no_script_reads(keys_file: Path) -> None:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(build_session_router(Access.from_file(keys_file), max_upload_bytes=1_000))
    path = "/api/v1/session"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://seoga.example") as client:
        assert (await client.get(path)).json()["code"] == "unauthenticated"
        assert (await client.post(path, json={"key": "not-a-key-000000"})).json()["code"] == "unknown_key"
        opened = await client.post(path, json={"key": READER})
        cookie = opened.headers["set-cookie"].lower()
        assert all(word in cookie for word in ("httponly", "samesite=strict", "secure", "path=/"))
        assert READER not in opened.text and READER not in cookie
        who = (await client.get(path)).json()
        assert (who["rights"], who["collections"], who["keys_needed"]) == (["read"], ["invoices", "notes"], True)
        assert who["max_upload_bytes"] == 1_000
        assert who["csrf_token"] == opened.json()["csrf_token"]
        assert (await client.delete(path)).json()["code"] == "wrong_csrf_token"
        assert (await client.delete(path, headers={"X-CSRF-Token": who["csrf_token"]})).status_code == 204
        assert (await client.get(path)).status_code == 401
