"""What of the settings is shown: everything but secrets."""

from pathlib import Path

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from shared.settings import Settings
from shared.web.access import Access, Principal
from shared.web.problems import install_problem_handlers
from shared.web.settings_routes import build_settings_router

SECRET = "hunter2-and-longer"
ADMIN, WRITER = "admin-key-00000003", "writer-key-0000002"


async def test_no_secret_is_shown_to_anybody(tmp_path: Path) -> None:
    secrets = {name: SECRET for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    urls = {
        "store_url": f"mongodb://user:{SECRET}@mongo/seoga?authSource={SECRET}",
        "cache_url": f"redis://:{SECRET}@redis",
        "model_url": f"http://u:{SECRET}@model:1",
    }
    settings = Settings(data_dir=tmp_path, _env_file=None, **secrets, **urls)
    assert len(secrets) >= 3 and isinstance(settings.api_key, SecretStr)
    everything = frozenset(("*",))
    access = Access(
        {
            ADMIN: Principal(everything, frozenset(("read", "write", "admin"))),
            WRITER: Principal(everything, frozenset(("read", "write"))),
        }
    )
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(build_settings_router(settings, access))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        path = "/api/v1/settings"
        assert (await client.get(path, headers={"Authorization": f"Bearer {WRITER}"})).status_code == 403
        answer = await client.get(path, headers={"Authorization": f"Bearer {ADMIN}"})
    assert SECRET not in answer.text
    shown = {one["name"]: one for one in answer.json()["settings"]}
    assert len(shown) == len(Settings.model_fields)
    assert shown["SEOGA_STORE_URL"]["value"] == "mongodb://mongo/seoga"
    for name in secrets:
        one = shown[f"SEOGA_{name.upper()}"]
        assert (one["value"], one["is_set"], one["is_secret"]) == (None, True, True)
    assert shown["SEOGA_PORT"] == {
        "name": "SEOGA_PORT", "group": "server", "value": 8000, "is_set": False, "is_secret": False,
    }  # fmt: skip
