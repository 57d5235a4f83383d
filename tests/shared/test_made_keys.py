"""Keys made while the server runs: through the routes and the command, over a real store, in one process and in two."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import Depends, FastAPI

from builders import eventually
from shared.infrastructure.sqlite.api_keys import SqliteKeys
from shared.infrastructure.sqlite.audit import SqliteAudit
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.kernel import Unavailable
from shared.ports.api_keys import StoredKey
from shared.ports.audit import AuditAction
from shared.telemetry import configure_logs
from shared.web.access import Access, Principal
from shared.web.audit_trail import AuditTrail
from shared.web.key_management import KeyManagement
from shared.web.key_ring import KeyRing
from shared.web.key_routes import build_key_router
from shared.web.problems import install_problem_handlers
from shared.web.session_routes import build_session_router

KEYS = "/api/v1/keys"
AUDIT = "/api/v1/audit"
SET = "operator-of-all-01234567"
ALL_RIGHTS = ["read", "write", "admin"]


@dataclass
class Process:
    """One server's door, over a store that others may share."""

    ring: KeyRing
    client: httpx.AsyncClient

    async def make(self, name: str, *, by: str | None = None, status: int = 201, **body: Any) -> Any:
        answer = await self.client.post(KEYS, json={"name": name, **body}, headers=bearer(by))
        assert answer.status_code == status, answer.text
        return answer.json()

    async def withdraw(self, name: str, *, by: str | None, status: int = 204, **params: Any) -> Any:
        answer = await self.client.delete(f"{KEYS}/{name}", params=params, headers=bearer(by))
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def listed(self, by: str | None) -> dict[str, Any]:
        answer = await self.client.get(KEYS, headers=bearer(by))
        assert answer.status_code == 200, answer.text
        return {item["name"]: item for item in answer.json()["items"]}

    async def read(self, key: str | None) -> int:
        return (await self.client.get("/read", headers=bearer(key))).status_code


def bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}


def _bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@asynccontextmanager
async def a_process(folder: Path, file: Path | None = None, **ring_options: Any) -> AsyncIterator[Process]:
    async with AsyncExitStack() as stack:
        database = SqliteDatabase(folder / "access.sqlite", SqliteKeys.SCHEMA + SqliteAudit.SCHEMA)
        await stack.enter_async_context(database)
        ring = await stack.enter_async_context(KeyRing(SqliteKeys(database), **ring_options))
        audit = SqliteAudit(database)
        access = Access.from_file(file, ring=ring)
        app = FastAPI()
        install_problem_handlers(app)
        app.include_router(build_key_router(KeyManagement(ring, access, AuditTrail(audit)), audit, access))
        app.include_router(build_session_router(access, max_upload_bytes=1 << 20))

        @app.get("/read")
        async def read(_: Annotated[Principal, Depends(access.reader)]) -> None: ...

        transport = httpx.ASGITransport(app)
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost:8000")
        yield Process(ring, await stack.enter_async_context(client))


@pytest.fixture
def warnings_are_told() -> Iterator[None]:
    configure_logs(level="warning", format="text")
    yield
    configure_logs(level="error", format="text")


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    async with a_process(tmp_path) as opened:
        yield opened


async def test_the_first_key_closes_the_server_and_must_be_able_to_make_others(process: Process) -> None:
    assert await process.read(None) == 200
    bodies: list[dict[str, Any]] = [{}, {"rights": ["read", "write"]}, {"rights": ALL_RIGHTS, "collections": ["one"]}]
    for body in bodies:
        assert (await process.make("first", status=409, **body))["code"] == "first_key_must_manage"
    assert await process.read(None) == 200
    first = await process.make("first", rights=ALL_RIGHTS)
    assert first["closes_server"] is True
    assert await process.read(None) == 401
    assert await process.read(first["key"]) == 200
    assert (await process.make("second", by=first["key"]))["closes_server"] is False


async def test_a_key_is_shown_once_and_only_a_hash_is_kept(process: Process, tmp_path: Path) -> None:
    made = await process.make("first", rights=ALL_RIGHTS)
    key = made["key"]
    assert key.startswith("seoga_") and len(key) > 45
    shown = (await process.client.get(KEYS, headers=bearer(key))).text
    assert "first" in shown and key not in shown and key[6:] not in shown
    kept = _bytes_in(tmp_path)
    assert b"first" in kept and key.encode() not in kept and key[6:].encode() not in kept


async def test_what_is_kept_of_a_key_lets_nobody_in(process: Process) -> None:
    made = await process.make("first", rights=ALL_RIGHTS)
    digests = process.ring.known[0].digests
    for stolen in (digests.key, digests.session, digests.owner, f"seoga_{digests.key}"):
        assert await process.read(stolen) == 401
    opened = await process.client.post("/api/v1/session", json={"key": made["key"]})
    secret, ends, chance, proof = opened.cookies["seoga_session"].split(".")
    process.client.cookies.clear()
    for forged in (f"{digests.session}.{ends}.{chance}.{proof}", f"{secret}.{int(ends) + 60}.{chance}.{proof}"):
        answer = await process.client.get("/read", headers={"Cookie": f"seoga_session={forged}"})
        assert answer.status_code == 401


async def test_a_key_touches_what_it_was_made_for(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    some = (await process.make("정산팀", by=admin, collections=["tariffs", "관세"]))["key"]
    who = (await process.client.get("/api/v1/session", headers=bearer(some))).json()
    assert (who["rights"], who["collections"]) == (["read"], ["tariffs", "관세"])
    everything = (await process.client.get("/api/v1/session", headers=bearer(admin))).json()
    assert (everything["rights"], everything["collections"]) == (["admin", "read", "write"], None)


async def test_only_who_administers_everything_manages_keys(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    others: dict[str, dict[str, Any]] = {
        "reader": {},
        "writer": {"rights": ["read", "write"]},
        "operator-of-one": {"rights": ALL_RIGHTS, "collections": ["one"]},
    }
    for name, body in others.items():
        key = (await process.make(name, by=admin, **body))["key"]
        assert (await process.make("mine", by=key, status=403))["code"] == "forbidden"
        assert (await process.withdraw("first", by=key, status=403))["code"] == "forbidden"
        for path in (KEYS, AUDIT):
            assert (await process.client.get(path, headers=bearer(key))).status_code == 403
    assert "mine" not in await process.listed(admin)


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "a" * 65},
        {"name": "a/b"},
        {"name": "a b"},
        {"name": ".."},
        {"name": "good", "rights": []},
        {"name": "good", "rights": ["rule"]},
        {"name": "good", "collections": []},
        {"name": "good", "collections": ["*"]},
        {"name": "good", "collections": ["a,b"]},
        {"name": "good", "key": "mine-not-random-0000"},
    ],
)
async def test_what_is_no_key_is_refused(process: Process, body: dict[str, Any]) -> None:
    answer = await process.client.post(KEYS, json={"rights": ALL_RIGHTS, **body})
    assert answer.status_code == 422, answer.text
    assert await process.read(None) == 200


async def test_a_name_is_one_keys(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    for name in ("first", "anonymous"):
        assert (await process.make(name, by=admin, status=409))["code"] == "key_name_taken"


async def test_a_withdrawn_key_and_its_sessions_let_nobody_in(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    key = (await process.make("second", by=admin))["key"]
    await process.client.post("/api/v1/session", json={"key": key})
    assert await process.read(None) == 200  # by its cookie
    await process.withdraw("second", by=admin)
    assert await process.read(None) == 401
    assert await process.read(key) == 401
    assert (await process.withdraw("second", by=admin, status=404))["code"] == "key_not_found"
    again = (await process.make("second", by=admin))["key"]
    assert (await process.read(None), await process.read(key), await process.read(again)) == (401, 401, 200)


async def test_somebody_who_can_manage_keys_stays_unless_the_server_is_opened(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    await process.make("second", by=admin)
    refused = await process.withdraw("first", by=admin, status=409, open_server=True)
    assert refused["code"] == "last_managing_key"
    await process.withdraw("second", by=admin)
    assert (await process.withdraw("first", by=admin, status=409))["code"] == "last_managing_key"
    assert await process.read(None) == 401
    await process.withdraw("first", by=admin, open_server=True)
    assert await process.read(None) == 200


async def test_keys_of_the_settings_stand_beside_those_made_and_stay(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{SET} * read,write,admin operations\nreader-of-one-0123456789 one read\n")
    file.chmod(0o600)
    async with a_process(tmp_path / "data", file) as process:
        made = await process.make("reader", by=SET)
        assert made["closes_server"] is False
        listed = await process.listed(SET)
        sources = {name: item["source"] for name, item in listed.items()}
        assert sources == {"operations": "settings", "keys-file:2": "settings", "reader": "made"}
        assert listed["keys-file:2"]["collections"] == ["one"]
        assert (await process.withdraw("operations", by=SET, status=409))["code"] == "key_of_settings"
        assert (await process.make("operations", by=SET, status=409))["code"] == "key_name_taken"
        # The operator of the settings is left, so that any other may go.
        await process.withdraw("reader", by=SET)
        assert await process.read(None) == 401


async def test_what_one_process_withdraws_lets_nobody_in_at_another_within_a_second(tmp_path: Path) -> None:
    async with a_process(tmp_path, look_seconds=0.05) as one, a_process(tmp_path, look_seconds=0.05) as other:
        admin = (await one.make("first", rights=ALL_RIGHTS))["key"]
        key = (await one.make("second", by=admin))["key"]

        async def lets_in(wanted: int) -> bool:
            return await other.read(key) == wanted

        assert await eventually(lambda: lets_in(200))
        await other.client.post("/api/v1/session", json={"key": key})
        assert await other.read(None) == 200
        await one.withdraw("second", by=admin)
        withdrawn_at = asyncio.get_running_loop().time()
        assert await eventually(lambda: lets_in(401))
        assert asyncio.get_running_loop().time() - withdrawn_at < 1
        assert await other.read(None) == 401


async def test_a_look_that_is_under_way_brings_no_withdrawn_key_back(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    for number in range(20):
        key = (await process.make(f"key-{number}", by=admin))["key"]
        await asyncio.gather(process.ring.look(), process.withdraw(f"key-{number}", by=admin), process.ring.look())
        assert await process.read(key) == 401


async def test_the_last_use_is_told_and_written_later(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    async with a_process(tmp_path, write_seconds=3600) as process:
        admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
        key = (await process.make("second", by=admin))["key"]
        assert (await process.listed(admin))["second"]["last_used_at"] is None
        await process.read(key)
        used_at = datetime.fromisoformat((await process.listed(admin))["second"]["last_used_at"])
        assert before < used_at < datetime.now(UTC) + timedelta(seconds=1)
    async with a_process(tmp_path) as process:  # what was not written yet is when a server ends
        assert datetime.fromisoformat((await process.listed(admin))["second"]["last_used_at"]) == used_at


class _AwayKeys(SqliteKeys):
    """As it is before a server that keeps the keys can be reached."""

    async def keys(self) -> list[StoredKey]:
        raise Unavailable("MongoDB cannot be reached.")


async def test_while_nobody_knows_which_keys_there_are_nobody_is_let_in(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "access.sqlite", SqliteKeys.SCHEMA)
    async with database, KeyRing(_AwayKeys(database)) as ring:
        access = Access.from_file(None, ring=ring)
        app = FastAPI()
        install_problem_handlers(app)

        @app.get("/read")
        async def read(_: Annotated[Principal, Depends(access.reader)]) -> None: ...

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            for key in (None, "seoga_anything-at-all-0000"):
                answer = await client.get("/read", headers=bearer(key))
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_key_that_cannot_be_read_opens_nothing(tmp_path: Path, warnings_are_told: None) -> None:
    async with a_process(tmp_path) as process:
        admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    with closing(sqlite3.connect(tmp_path / "access.sqlite")) as connection, connection:
        connection.execute("UPDATE api_keys SET rights = 'x'")
    with structlog.testing.capture_logs() as said:
        async with a_process(tmp_path) as process:
            assert (await process.read(None), await process.read(admin)) == (503, 503)
    (line,) = [line for line in said if line["action"] == "keys.look"]
    assert "access.sqlite is damaged" in line["reason"] and "--remake access" in line["reason"]


async def test_the_audit_log_tells_who_made_and_withdrew_keys(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    await process.make("second", by=admin, collections=["one"])
    await process.withdraw("second", by=admin)
    await process.make("third", by=admin)
    assert (await process.client.get(AUDIT)).status_code == 401
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await process.client.get(AUDIT, params={"limit": 3, **cursor}, headers=bearer(admin))).json()
        seen += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert [(entry["key_name"], entry["action"], entry["subject"], entry["detail"]) for entry in seen] == [
        ("first", "key.made", "third", "* read"),
        ("first", "key.withdrawn", "second", "one read"),
        ("first", "key.made", "second", "one read"),
        ("anonymous", "key.made", "first", "* admin,read,write"),
    ]
    wrong = await process.client.get(AUDIT, params={"cursor": "nonsense"}, headers=bearer(admin))
    assert (wrong.status_code, wrong.json()["code"]) == (400, "wrong_cursor")


async def test_the_audit_log_is_filtered_and_a_cursor_is_of_one_filter(process: Process) -> None:
    admin = (await process.make("first", rights=ALL_RIGHTS))["key"]
    for name in ("second", "third"):
        await process.make(name, by=admin)
        await process.withdraw(name, by=admin)

    async def page(status: int = 200, **params: Any) -> Any:
        answer = await process.client.get(AUDIT, params=params, headers=bearer(admin))
        assert answer.status_code == status, answer.text
        return answer.json()

    everything = (await page())["items"]
    made = await page(key_name="first", action="key.made", limit=1)
    assert [entry["subject"] for entry in made["items"]] == ["third"]
    rest = await page(key_name="first", action="key.made", limit=1, cursor=made["next_cursor"])
    assert ([entry["subject"] for entry in rest["items"]], rest["next_cursor"]) == (["second"], None)
    assert (await page(400, action="key.withdrawn", cursor=made["next_cursor"]))["code"] == "wrong_cursor"
    assert [entry["subject"] for entry in (await page(key_name="anonymous"))["items"]] == ["first"]
    second = everything[1]["at"]
    assert (await page(since=second))["items"] == everything[:2]
    assert (await page(until=second))["items"] == everything[2:]
    for wrong in (
        {"since": "yesterday"},
        {"since": "2026-03-01T12:00:00"},
        {"until": "0.5"},
        {"since": "1772323200"},
        {"action": "key.eaten"},
    ):
        await page(422, **wrong)


async def test_the_audit_log_forgets_what_is_too_old(tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    who = Principal(frozenset("*"), frozenset(("admin",)), "정산팀")
    async with SqliteDatabase(tmp_path / "access.sqlite", SqliteAudit.SCHEMA) as database:
        audit = SqliteAudit(database)
        for days in (0, 10, 29):
            trail = AuditTrail(audit, retention_seconds=20 * 86400, clock=lambda days=days: now + timedelta(days=days))  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            await trail.record(who, AuditAction.DOCUMENT_DELETED, f"of day {days}")
        assert await trail.forget() == 1
        assert [entry.subject for entry in await audit.entries(before=None, limit=9)] == ["of day 29", "of day 10"]
        for_ever = AuditTrail(audit, retention_seconds=0, clock=lambda: now + timedelta(days=9_999))
        assert await for_ever.forget() == 0
