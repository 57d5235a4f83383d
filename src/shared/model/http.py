"""The model over HTTP: embeddings in OpenAI's shape, and how the model is."""

import asyncio
import base64
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from shared.kernel import InvalidInput, NotFound
from shared.model.manager import ModelManager
from shared.model.status import ModelState
from shared.ports.model import ModelDescription, Vectors
from shared.runtime import problems
from shared.runtime.access import Access, Principal

_MOST_INPUTS: Final = 2048
_LONGEST_INPUT: Final = 200_000

Input = Annotated[str, Field(min_length=1, max_length=_LONGEST_INPUT)]


class EmbeddingRequest(BaseModel):
    """As OpenAI's `POST /v1/embeddings`; of an input longer than the model reads, the beginning is embedded."""

    model_config = ConfigDict(extra="forbid")

    input: Input | Annotated[list[Input], Field(min_length=1, max_length=_MOST_INPUTS)]
    """One text or many. Token ids are not taken: they are another model's."""
    model: str | None = None
    """The model's name, with or without an owner before it; this server has one."""
    encoding_format: Literal["float", "base64"] = "float"
    """`base64`: little-endian float32, one after the other."""
    dimensions: int | None = Field(default=None, ge=1)
    """If given, the model's own: its vectors cannot be cut."""
    user: str | None = None
    """Taken and not used."""


class Embedding(BaseModel):
    """One input's vector, of length 1."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    """Tokens of the inputs, special ones included, as far as the model reads them."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingResponse(BaseModel):
    """As OpenAI's."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class ModelStatusView(BaseModel):
    """The one model of this server; null where it is not known before the model is found or loaded."""

    model_config = ConfigDict(from_attributes=True)

    name: str | None
    state: ModelState
    engine: str
    precision: str | None
    dimension: int | None
    max_tokens: int | None
    languages: list[str]
    fingerprint: str | None
    loads: int
    failed_loads: int
    load_seconds: float | None
    loaded_at: datetime | None
    last_used_at: datetime | None
    embedded_texts: int
    waiting_texts: int
    artefact: Literal["hit", "built", "rebuilt"] | None
    last_error: str | None


def build_router(model: ModelManager, access: Access) -> APIRouter:
    """`POST /v1/embeddings` and `GET /api/v1/model/status`."""
    router = APIRouter(tags=["model"])

    @router.get("/api/v1/model/status", responses=problems.responses(401, 403))
    async def model_status(_: Annotated[Principal, Depends(access.reader)]) -> ModelStatusView:
        """How the model is: loaded or not, by which engine, since when, and what went wrong last."""
        return ModelStatusView.model_validate(model.status())

    @router.post(
        "/v1/embeddings",
        response_model=EmbeddingResponse,
        responses=problems.responses(400, 401, 403, 404, 422, 503),
    )
    async def embeddings(request: EmbeddingRequest, _: Annotated[Principal, Depends(access.reader)]) -> Response:
        """Vectors of texts, by the model that search uses. OpenAI's clients work with `base_url=…/v1`."""
        description = model.describe()
        _refuse_other_model(request, description)
        texts = [request.input] if isinstance(request.input, str) else request.input
        vectors, counts = await asyncio.gather(model.embed(texts, kind="passage"), model.count_tokens(texts))
        # Two special tokens, as BERT and its kin put them around a text.
        tokens = sum(min(count + 2, description.max_tokens) for count in counts)
        content = await asyncio.to_thread(_body, vectors, description.name, tokens, request.encoding_format)
        return Response(content, media_type="application/json")

    return router


def _refuse_other_model(request: EmbeddingRequest, description: ModelDescription) -> None:
    if request.model is not None and request.model.rpartition("/")[2].lower() != description.name.lower():
        raise NotFound(
            f"This server has the model {description.name!r}, not {request.model!r}.", code="model_not_found"
        )
    if request.dimensions not in (None, description.dimension):
        raise InvalidInput(f"The vectors of {description.name!r} have {description.dimension} dimensions.")


def _body(vectors: Vectors, name: str, tokens: int, encoding: str) -> bytes:
    """An EmbeddingResponse, written row by row in a thread: 2,048 vectors at once would hold up every request."""
    rows = [
        json.dumps({"object": "embedding", "index": index, "embedding": _encoded(row, encoding)})
        for index, row in enumerate(vectors)
    ]
    usage = json.dumps({"prompt_tokens": tokens, "total_tokens": tokens})
    return f'{{"object": "list", "data": [{", ".join(rows)}], "model": {json.dumps(name)}, "usage": {usage}}}'.encode()


def _encoded(row: Any, encoding: str) -> Sequence[float] | str:
    if encoding == "base64":
        return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")
    values: list[float] = row.tolist()
    return values
