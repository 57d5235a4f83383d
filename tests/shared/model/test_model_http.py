"""The model over HTTP: OpenAI's shape, and its status."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from shared.model.http import EmbeddingResponse, build_router
from shared.model.manager import ModelManager
from shared.runtime.access import Access
from shared.runtime.problems import install_problem_handlers


@pytest.fixture
async def client(tiny: ModelManager) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(build_router(tiny, Access(None)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as opened:
        yield opened


async def test_embeds_many_texts_in_their_order(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    texts = ["tariff", "duty import", "관세 수입 export"]
    answer = await client.post("/v1/embeddings", json={"model": "owner/model", "input": texts})
    assert answer.status_code == 200
    body = EmbeddingResponse.model_validate(answer.json())
    assert [item.index for item in body.data] == [0, 1, 2]
    assert (body.object, body.model) == ("list", "model")
    assert body.usage.prompt_tokens == body.usage.total_tokens == (1 + 2) + (2 + 2) + (3 + 2)
    expected = await tiny.embed(texts, kind="passage")
    assert np.array_equal(np.array([item.embedding for item in body.data], dtype=np.float32), expected)


async def test_base64_is_float32_in_little_endian(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    answer = await client.post("/v1/embeddings", json={"input": "tariff", "encoding_format": "base64", "user": "me"})
    raw = base64.b64decode(answer.json()["data"][0]["embedding"])
    expected = await tiny.embed(["tariff"], kind="passage")
    assert np.array_equal(np.frombuffer(raw, dtype="<f4"), expected[0])


async def test_usage_counts_what_the_model_reads(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    answer = await client.post("/v1/embeddings", json={"input": ["tariff " * 500]})
    assert answer.json()["usage"]["prompt_tokens"] == tiny.describe().max_tokens


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"input": []}, 422, "invalid_input"),
        ({"input": ""}, 422, "invalid_input"),
        ({"input": [1, 2, 3]}, 422, "invalid_input"),
        ({"input": ["x"] * 2049}, 422, "invalid_input"),
        ({"input": "x", "encoding_format": "int8"}, 422, "invalid_input"),
        ({"input": "x", "dimensions": 16}, 422, "invalid_input"),
        ({"input": "x", "surprise": 1}, 422, "invalid_input"),
        ({}, 422, "invalid_input"),
        ({"input": "x", "model": "text-embedding-3-small"}, 404, "model_not_found"),
    ],
)
async def test_wrong_requests_are_refused(
    client: httpx.AsyncClient, request_body: dict[str, Any], status: int, code: str
) -> None:
    answer = await client.post("/v1/embeddings", json=request_body)
    assert answer.status_code == status
    assert answer.json()["code"] == code


async def test_status_before_and_after_the_first_use(client: httpx.AsyncClient) -> None:
    before = (await client.get("/api/v1/model/status")).json()
    assert (before["state"], before["loads"], before["dimension"]) == ("unloaded", 0, 32)
    await client.post("/v1/embeddings", json={"input": "tariff"})
    after = (await client.get("/api/v1/model/status")).json()
    assert (after["state"], after["loads"], after["engine"], after["artefact"]) == ("ready", 1, "onnx", "built")
    assert after["load_seconds"] > 0
    assert after["embedded_texts"] == 1


async def test_a_model_that_cannot_load_answers_503_with_the_cause(client: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "model" / "model.safetensors").unlink()
    answer = await client.post("/v1/embeddings", json={"input": "tariff"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "model.safetensors" in answer.json()["detail"]
    status = (await client.get("/api/v1/model/status")).json()
    assert status["state"] == "failed"
    assert "model.safetensors" in status["last_error"]
