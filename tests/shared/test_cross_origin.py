"""Pages of elsewhere: none may call from a browser until it is named, with keys and without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from main import Application
from shared.runtime.data_directory import DataDirectory
from shared.settings import WrongSettings, load_settings

PAGE, OTHER = "https://app.example", "https://evil.example"
HERE = "http://localhost:5173"


@asynccontextmanager
async def a_client(folder: Path, origins: str, *, keys: bool = False) -> AsyncIterator[httpx.AsyncClient]:
    """Of the whole application, which is not started: nothing here needs its stores."""
    file = folder / "keys"
    file.write_text("reading-key-00000 * read\n")
    settings = load_settings(data_dir=folder, cors_origins=origins, api_keys_file=file if keys else None)
    web = Application(settings, DataDirectory(folder)).web
    async with httpx.AsyncClient(transport=httpx.ASGITransport(web), base_url="http://127.0.0.1:8000") as client:
        yield client


def preflight(origin: str) -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization,content-type",
    }


async def test_nobody_is_named_by_default(tmp_path: Path) -> None:
    async with a_client(tmp_path, "") as client:
        for origin in (PAGE, HERE):
            asked = await client.options("/v1/models", headers=preflight(origin))
            assert (asked.status_code, asked.headers["allow"]) == (405, "GET, HEAD")
            answer = await client.get("/health/live", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_a_named_page_may_call_and_no_other(tmp_path: Path) -> None:
    async with a_client(tmp_path, f"{PAGE}, http://localhost:3000") as client:
        for origin in (PAGE, "http://localhost:3000"):
            asked = await client.options("/api/v1/documents/x", headers=preflight(origin))
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)
            assert "PATCH" in asked.headers["access-control-allow-methods"]
            assert asked.headers["access-control-allow-headers"] == "authorization,content-type"
            answer = await client.get("/no/such/page", headers={"Origin": origin})
            # Also of an error, which the page could not read otherwise.
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (404, origin)
            assert "X-Request-ID" in answer.headers["access-control-expose-headers"]
        for origin in (OTHER, HERE, "null", "https://app.example.evil.example", "http://app.example"):
            refused = await client.options("/api/v1/documents/x", headers=preflight(origin))
            assert (refused.status_code, refused.json()["code"]) == (403, "foreign_origin")
            answer = await client.get("/no/such/page", headers={"Origin": origin})
            assert "access-control-allow-origin" not in answer.headers


async def test_pages_of_this_machine_are_allowed_by_one_name(tmp_path: Path) -> None:
    async with a_client(tmp_path, "loopback") as client:
        for origin in (HERE, "http://127.0.0.1:9", "https://[::1]:8443", "http://localhost"):
            asked = await client.options("/v1/models", headers=preflight(origin))
            assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, origin)
        for origin in (PAGE, "http://localhost.evil.example", "http://127.0.0.1.evil.example", "null"):
            assert (await client.options("/v1/models", headers=preflight(origin))).status_code == 403


async def test_a_named_page_still_needs_a_key_where_there_are_keys(tmp_path: Path) -> None:
    async with a_client(tmp_path, PAGE, keys=True) as client:
        assert (await client.options("/v1/models", headers=preflight(PAGE))).status_code == 200
        answer = await client.get("/v1/models", headers={"Origin": PAGE})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, PAGE)


@pytest.mark.parametrize(
    "wrong", ["*", "null", "app.example", "https://app.example/", "https://app.example/x", "ftp://a"]
)
def test_what_is_no_origin_is_a_wrong_setting(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_CORS_ORIGINS"):
        load_settings(data_dir=tmp_path, cors_origins=f"{PAGE},{wrong}")
