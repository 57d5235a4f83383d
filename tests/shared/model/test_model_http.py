"""Embeddings over HTTP: OpenAI's shape, and what another Seoga process needs beyond it."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from model_builders import a_tiny_model, tiny_settings
from model_server import an_app, serving_model

from builders import eventually
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.model.http.embeddings import EmbeddingRequest, EmbeddingResponse, ModelList
from shared.model.manager import ModelManager
from shared.web.access import Access, Principal


@pytest.fixture
async def client(tiny: ModelManager) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(an_app(tiny)), base_url="http://127.0.0.1") as opened:
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


@pytest.mark.parametrize("count", [1, 2048])
async def test_base64_is_float32_in_little_endian(client: httpx.AsyncClient, tiny: ModelManager, count: int) -> None:
    texts = ["tariff", "duty"] * (count // 2) or ["tariff"]
    answer = await client.post("/v1/embeddings", json={"input": texts, "encoding_format": "base64", "user": "me"})
    rows = [np.frombuffer(base64.b64decode(item["embedding"]), dtype="<f4") for item in answer.json()["data"]]
    expected = await tiny.embed(texts, kind="passage")
    assert np.allclose(np.array(rows), expected, atol=1e-6)


async def test_usage_counts_what_the_model_reads(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    answer = await client.post("/v1/embeddings", json={"input": ["tariff " * 500]})
    assert answer.json()["usage"]["prompt_tokens"] == tiny.describe().max_tokens


@pytest.fixture
async def prompted(tmp_path: Path, metrics: PrometheusMetrics) -> AsyncIterator[ModelManager]:
    """A model with prompts, whose own vectors are not of length 1."""
    a_tiny_model(tmp_path / "model", prompts={"query": "tariff: ", "passage": "duty: "}, normalise=False)
    async with ModelManager(tiny_settings(tmp_path), metrics) as manager:
        yield manager


async def test_the_input_type_chooses_the_prompt(prompted: ModelManager) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(an_app(prompted)), base_url="http://127.0.0.1"
    ) as client:

        async def embedded(**body: Any) -> Any:
            answer = await client.post("/v1/embeddings", json={"input": "import", **body})
            return np.array(answer.json()["data"][0]["embedding"], dtype=np.float32)

        query, passage = (await prompted.embed(["import"], kind="query"))[0], await embedded()
        assert np.allclose(await embedded(input_type="query"), query, atol=1e-6)
        assert np.allclose(await embedded(input_type="passage"), passage, atol=1e-6)
        text = await embedded(input_type="text", input="duty: import")
        assert np.allclose(text, passage, atol=1e-6)
        assert not np.allclose(query, passage, atol=1e-3)


async def test_vectors_are_given_as_the_model_makes_them_on_request(prompted: ModelManager) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(an_app(prompted)), base_url="http://127.0.0.1"
    ) as client:
        lengths = []
        for normalize in (True, False):
            answer = await client.post("/v1/embeddings", json={"input": "import", "normalize": normalize})
            lengths.append(np.linalg.norm(answer.json()["data"][0]["embedding"]))
    assert lengths[0] == pytest.approx(1, abs=1e-5)
    assert lengths[1] != pytest.approx(1, abs=0.1)


async def test_an_empty_text_is_embedded_for_who_names_its_type(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/embeddings", json={"input": ["", "tariff"], "input_type": "passage"})
    assert answer.status_code == 200
    assert len(answer.json()["data"]) == 2


@pytest.mark.parametrize(
    ("request_body", "status", "code"),
    [
        ({"input": []}, 422, "invalid_input"),
        ({"input": ""}, 422, "invalid_input"),
        ({"input": ["tariff", ""]}, 422, "invalid_input"),
        ({"input": [1, 2, 3]}, 422, "invalid_input"),
        ({"input": ["x"] * 2049}, 422, "invalid_input"),
        ({"input": "x" * 200_001}, 422, "invalid_input"),
        ({"input": "x", "encoding_format": "int8"}, 422, "invalid_input"),
        ({"input": "x", "input_type": "document"}, 422, "invalid_input"),
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


@pytest.mark.parametrize(
    ("body", "status", "kind", "param", "message"),
    [
        ({"input": "x", "model": "text-embedding-3-small"}, 404, "invalid_request_error", None, "model 'model'"),
        ({"input": "x", "dimensions": 3}, 422, "invalid_request_error", "dimensions", "have 32 dimensions"),
        ({"input": "x", "encoding_format": "int8"}, 422, "invalid_request_error", "encoding_format", "base64"),
        ({"input": "\ud83d"}, 422, "invalid_request_error", "input", "surrogate"),
        ({"input": ["x", 1]}, 422, "invalid_request_error", "input", "item 1 of the list is none"),
        ({"input": [{"text": "x"}]}, 422, "invalid_request_error", "input", "input is one text or a list of texts"),
        ({"input": True}, 422, "invalid_request_error", "input", "input is one text or a list of texts."),
        ({"input": None}, 422, "invalid_request_error", "input", "input is one text or a list of texts."),
        ({"input": []}, 422, "invalid_request_error", "input", "input has no text in it."),
        ({"input": ["x"] * 2049}, 422, "invalid_request_error", "input", "2,049 texts; at most 2,048"),
        ({"input": ["x", "x" * 200_001]}, 422, "invalid_request_error", "input", "200,000 characters"),
        ({"input": ["x"], "user": 1}, 422, "invalid_request_error", "user", "valid string"),
        ({"input": ["x", ""]}, 422, "invalid_request_error", "input", "input_type"),
        ({}, 422, "invalid_request_error", "input", "Field required"),
    ],
)
async def test_openai_clients_are_told_the_reason(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, kind: str, param: str | None, message: str
) -> None:
    answer = await client.post("/v1/embeddings", content=json.dumps(body))
    error, problem = answer.json()["error"], answer.json()
    assert (answer.status_code, error["type"], error["param"]) == (status, kind, param)
    assert message in error["message"] == problem["detail"]
    assert error["code"] == problem["code"]


async def test_openai_clients_are_told_who_may_not_and_what_is_not_there(tiny: ModelManager) -> None:
    keys = {"reading-key-00000": Principal(frozenset("*"), frozenset(("write",)))}
    transport = httpx.ASGITransport(an_app(tiny, Access(keys)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        nobody = await client.post("/v1/embeddings", json={"input": "x"})
        assert (nobody.status_code, nobody.json()["error"]["type"]) == (401, "authentication_error")
        wrong = await client.get("/v1/models", headers={"Authorization": "Bearer reading-key-00000"})
        assert (wrong.status_code, wrong.json()["error"]["type"]) == (403, "permission_error")
        nowhere = await client.post("/v1/chat/completions", json={})
        assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not_found")
        assert "POST /v1/embeddings" in nowhere.json()["error"]["message"]
        assert (await client.get("/v1")).json()["error"]["message"] == nowhere.json()["detail"]
        elsewhere = await client.get("/api/v1/nowhere")
        assert "error" not in elsewhere.json()


@pytest.mark.parametrize("ids", [[1, 2, 3], [[15339, 1917]], [[15339, 1917], [7]], [0]])
@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/tokens"])
async def test_token_ids_are_answered_with_the_way_out(client: httpx.AsyncClient, path: str, ids: list[Any]) -> None:
    answer = await client.post(path, json={"input": ids})
    assert answer.status_code == 422
    assert "check_embedding_ctx_length=False" in answer.json()["error"]["message"]
    assert [error["field"] for error in answer.json()["errors"]] == ["body.input"]


async def test_null_is_not_given(client: httpx.AsyncClient) -> None:
    given = {"input": ["tariff"]}
    nulls = {name: None for name in EmbeddingRequest.model_fields if name != "input"}
    assert len(nulls) > 5
    plain = (await client.post("/v1/embeddings", json=given)).json()
    assert (await client.post("/v1/embeddings", json={**given, **nulls})).json() == plain
    assert (await client.post("/v1/embeddings", json={"input": None})).status_code == 422


async def test_the_model_is_found_by_its_name(client: httpx.AsyncClient) -> None:
    [listed] = (await client.get("/v1/models")).json()["data"]
    for name in ("model", "owner/model", "MODEL"):
        assert (await client.get(f"/v1/models/{name}")).json() == listed
    missing = await client.get("/v1/models/gpt-4o")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    assert "'model'" in missing.json()["error"]["message"]


async def test_an_error_names_the_field(client: httpx.AsyncClient) -> None:
    wrong = (await client.post("/v1/embeddings", json={"input": "x", "normalize": "perhaps"})).json()
    assert [error["field"] for error in wrong["errors"]] == ["body.normalize"]
    broken = await client.post("/v1/embeddings", content=b'{"input": ')
    assert (broken.status_code, broken.json()["errors"][0]["field"]) == (422, "body")


async def test_a_body_beyond_the_limit_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tokens", json={"input": "x" * (17 << 20)})
    assert answer.status_code == 413


async def test_tokens_are_counted_without_special_ones_or_a_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tokens", json={"input": ["", "tariff", "tariffs duty", "tariff " * 100]})
    assert answer.json() == {"object": "list", "counts": [0, 1, 3, 100], "model": "model"}
    assert (await client.post("/v1/tokens", json={"input": "duty"})).json()["counts"] == [1]


async def test_lists_the_one_model_before_it_is_loaded(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    listed = ModelList.model_validate((await client.get("/v1/models")).json())
    (model,) = listed.data
    description = tiny.describe()
    assert (model.id, model.object, model.owned_by, model.loaded) == ("model", "model", "seoga", False)
    assert (model.fingerprint, model.dimension, model.max_tokens) == (description.fingerprint, 32, 24)
    await client.post("/v1/embeddings", json={"input": "tariff"})
    assert (await client.get("/v1/models")).json()["data"][0]["loaded"]


async def test_every_answer_names_the_vector_space(client: httpx.AsyncClient, tiny: ModelManager) -> None:
    answer = await client.post("/v1/embeddings", json={"input": "tariff"})
    assert answer.headers["x-seoga-fingerprint"] == tiny.describe().fingerprint


async def test_a_model_that_cannot_load_answers_503_with_the_cause(client: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "model" / "model.safetensors").unlink()
    answer = await client.post("/v1/embeddings", json={"input": "tariff"})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert "model.safetensors" in answer.json()["detail"]


async def test_the_texts_of_a_client_that_went_away_leave_the_queue(tiny: ModelManager) -> None:
    await tiny.load()
    texts = ["tariff duty import export " * 6] * 2048
    body = json.dumps({"input": texts}).encode()
    with serving_model(tiny) as url:
        at = urlsplit(url)
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        head = f"POST /v1/embeddings HTTP/1.1\r\nhost: {at.netloc}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await eventually(lambda: tiny.status().embedding.waiting_texts > 0)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await eventually(lambda: tiny.status().embedding.waiting_texts == 0)
        assert not await reader.read()
    assert tiny.status().embedding.embedded_texts < len(texts)


def test_the_api_description_shows_the_request(tiny: ModelManager) -> None:
    paths = an_app(tiny).openapi()["paths"]
    shown = paths["/v1/embeddings"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert {"input", "input_type", "normalize", "encoding_format"} <= shown["properties"].keys()
