"""Embeddings over HTTP in OpenAI's shape, and what another Seoga process needs to use this one's model.

At hundreds of requests a second every 0.1 ms counts, so bodies go through pydantic's JSON parser and writer.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import Awaitable, Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, to_json
from starlette.requests import ClientDisconnect

from shared.kernel import FieldError, InvalidInput, NotFound
from shared.ports.model import Model, ModelDescription, TextKind, Vectors
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import refuse_broken_text
from shared.web.routes import Routes
from shared.web.shapes import Shape

FINGERPRINT_HEADER: Final = "X-Seoga-Fingerprint"
"""Of an answer with vectors: names their space, so that a client sees when it changes."""
MOST_INPUTS: Final = 2048
LONGEST_INPUT: Final = 200_000
"""Characters of one text to embed."""
LARGEST_BODY: Final = 16 << 20
TOKEN_IDS: Final = (
    "Send the texts: token ids are not taken, since each model has its own. "
    "LangChain's OpenAIEmbeddings sends texts when it is made with check_embedding_ctx_length=False."
)

_TOO_LONG: Final = f"has a text of more than {LONGEST_INPUT:,} characters; send it in pieces"

# Rows written in the event loop: 32 take it 0.1 ms as base64, 1 ms as numbers. More are written in a thread.
_MOST_ROWS_AT_ONCE: Final = 32
# From so many texts on a client that went away is noticed (which costs 0.05 ms) and its texts are dropped.
_WATCHED_TEXTS: Final = 8

Input = Annotated[str, Field(max_length=LONGEST_INPUT)]
Inputs = Annotated[list[Input], Field(min_length=1, max_length=MOST_INPUTS)]
B = TypeVar("B", bound=BaseModel)
T = TypeVar("T")


class EmbeddingRequest(Shape):
    """As OpenAI's `POST /v1/embeddings`; of an input longer than the model reads, the beginning is embedded."""

    # Not RequestFields: its look at every string would cost a request with many texts as much again.
    model_config = ConfigDict(extra="forbid", strict=True)

    input_type: Literal["query", "passage", "text"] | None = None
    """What the texts are to the model: `text` puts no prompt before them. Null is `passage`."""
    input: Input | Inputs
    """One text or many; empty ones only with an `input_type`. Token ids are not taken: they are another model's."""
    normalize: bool | None = True
    """False gives the vectors as the model makes them, true makes them of length 1."""
    model: str | None = None
    """The model's name, with or without an owner before it; this server has one."""
    encoding_format: Literal["float", "base64"] | None = "float"
    """`base64`: little-endian float32, one after the other."""
    dimensions: int | None = Field(default=None, ge=1)
    """If given, the model's own: its vectors cannot be cut."""
    user: str | None = None
    """Taken and not used."""

    @field_validator("input")
    @classmethod
    def _is_not_empty(cls, value: str | list[str], info: ValidationInfo) -> str | list[str]:
        """OpenAI's clients expect a refusal; a client that names the type knows what it does."""
        has_empty = "" in value if isinstance(value, list) else value == ""
        if has_empty and info.data.get("input_type") is None:
            raise PydanticCustomError("empty_text", "an empty text is embedded only with an input_type")
        return value


class Embedding(Shape):
    """One input's vector."""

    object: Literal["embedding"] = "embedding"
    """As OpenAI's."""
    index: int
    """Which input it is of, from 0."""
    embedding: list[float] | str
    """Numbers, or little-endian float32 as base64."""


class Usage(Shape):
    """Tokens the model read of the inputs, special ones and prompts included."""

    prompt_tokens: int
    """What was read."""
    total_tokens: int
    """The same."""


class EmbeddingResponse(Shape):
    """As OpenAI's."""

    object: Literal["list"] = "list"
    """As OpenAI's."""
    data: list[Embedding]
    """In the order of the inputs."""
    model: str
    """Which model made them."""
    usage: Usage
    """What it read."""


class TokensRequest(Shape):
    """Texts whose tokens are to be counted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    input: str | Annotated[list[str], Field(max_length=MOST_INPUTS)]
    """One text or many."""


class TokensResponse(Shape):
    """Model tokens of each text, without special tokens and without a limit."""

    object: Literal["list"] = "list"
    """As OpenAI's."""
    counts: list[int]
    """In the order of the texts."""
    model: str
    """Whose tokens they are."""


class ModelView(Shape):
    """A model as OpenAI lists it, and what it is to Seoga."""

    id: str
    """The model's name."""
    object: Literal["model"] = "model"
    """As OpenAI's."""
    created: int = 0
    """Not known: 0."""
    owned_by: str = "seoga"
    """As OpenAI's."""
    fingerprint: str
    """Names the vector space."""
    dimension: int
    """Numbers of a vector."""
    max_tokens: int
    """Tokens it reads of a text."""
    languages: list[str]
    """ISO 639-1 codes of what it understands."""
    loaded: bool
    """Whether it is in memory now."""


class ModelList(Shape):
    """As OpenAI's `GET /v1/models`: the one model of this server."""

    object: Literal["list"] = "list"
    """As OpenAI's."""
    data: list[ModelView]
    """One."""


def build_embeddings_router(model: Model, access: Access) -> APIRouter:
    """`POST /v1/embeddings`, `POST /v1/tokens`, `GET /v1/models`, `GET /v1/models/{id}`."""
    router = Routes(tags=["model"])
    reader = Annotated[Principal, Depends(access.reader)]

    @router.post(
        "/v1/embeddings",
        response_model=EmbeddingResponse,
        responses=problems.responses(401, 403, 404, 413, 422, 503),
        openapi_extra=_body_of(EmbeddingRequest),
        max_body_size=LARGEST_BODY,
    )
    async def create_embeddings(http_request: Request, _: reader) -> Response:
        """Vectors of texts, by the model that search uses. OpenAI's clients work with `base_url=…/v1`."""
        request = _parsed(EmbeddingRequest, await http_request.body())
        description = model.describe()
        if request.model is not None:
            _refuse_other_model(request.model, description)
        if request.dimensions not in (None, description.dimension):
            raise InvalidInput(
                f"The vectors of {description.name!r} have {description.dimension} dimensions.",
                errors=[FieldError("body.dimensions", f"is {description.dimension} or left out")],
            )
        texts = [request.input] if isinstance(request.input, str) else request.input
        kind: TextKind = "query" if request.input_type == "query" else "passage"
        embedding = model.embed_counted(
            texts, kind=kind, prompt=request.input_type != "text", normalise=request.normalize is not False
        )
        embedded = await (embedding if len(texts) < _WATCHED_TEXTS else _while_connected(http_request, embedding))
        parts = (embedded.vectors, description.name, embedded.tokens, request.encoding_format == "base64")
        content = _body(*parts) if len(texts) <= _MOST_ROWS_AT_ONCE else await asyncio.to_thread(_body, *parts)
        return _json(content, description)

    @router.post(
        "/v1/tokens",
        response_model=TokensResponse,
        responses=problems.responses(401, 403, 413, 422, 503),
        openapi_extra=_body_of(TokensRequest),
        max_body_size=LARGEST_BODY,
    )
    async def count_tokens(http_request: Request, _: reader) -> Response:
        """How many model tokens each text has, without special tokens and without a limit."""
        request = _parsed(TokensRequest, await http_request.body())
        description = model.describe()
        counts = await model.count_tokens([request.input] if isinstance(request.input, str) else request.input)
        return _json(to_json({"object": "list", "counts": counts, "model": description.name}), description)

    @router.get("/v1/models", responses=problems.responses(401, 403, 503))
    async def list_models(_: reader) -> ModelList:
        """The one model of this server; known before it is loaded."""
        return ModelList(data=[_view(model)])

    @router.get("/v1/models/{model_id:path}", responses=problems.responses(401, 403, 404, 503))
    async def read_model(
        model_id: Annotated[str, Path(description="The model's name, with or without an owner before it.")], _: reader
    ) -> ModelView:
        """The model of this name, with or without an owner before it."""
        _refuse_other_model(model_id, model.describe())
        return _view(model)

    return router


def _view(model: Model) -> ModelView:
    description = model.describe()
    return ModelView(
        id=description.name,
        fingerprint=description.fingerprint,
        dimension=description.dimension,
        max_tokens=description.max_tokens,
        languages=sorted(description.languages),
        loaded=model.is_loaded,
    )


def _parsed(kind: type[B], body: bytes) -> B:
    """In one step from bytes, which takes a quarter of the time of parsing first and validating then."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        with contextlib.suppress(ValueError, RecursionError):
            _refuse_what_clients_send(json.loads(body))
        wrong = error.errors(include_url=False)
        if any(item["loc"][:1] == ("input",) for item in wrong):
            _refuse_what_are_no_texts(error, body)
        raise RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in wrong]) from error


def _refuse_what_clients_send(body: Any) -> None:
    """Raises InvalidInput with the way out, where the list of what is wrong would not tell it."""
    refuse_broken_text(body, "body")
    given = body.get("input") if isinstance(body, dict) else None
    first = given[0] if isinstance(given, list) and given else None
    if isinstance(first[0] if isinstance(first, list) and first else first, int):
        raise InvalidInput(TOKEN_IDS, errors=[FieldError("body.input", "has token ids where texts belong")])


def _refuse_what_are_no_texts(error: ValidationError, body: bytes) -> None:
    """Raises InvalidInput in place of a list of all that an input might have been."""
    try:
        given = json.loads(body).get("input", "")
    except (ValueError, RecursionError):
        return
    told = _told_of_input(given)
    if told is not None:
        raise InvalidInput(f"input {told}.", errors=[FieldError("body.input", told)]) from error


def _told_of_input(given: Any) -> str | None:
    if isinstance(given, str):
        return _TOO_LONG if len(given) > LONGEST_INPUT else None
    if not isinstance(given, list):
        return "is one text or a list of texts"
    if not given:
        return "has no text in it"
    if len(given) > MOST_INPUTS:
        return f"has {len(given):,} texts; at most {MOST_INPUTS:,} are taken at once"
    for place, one in enumerate(given):
        if not isinstance(one, str):
            return f"is one text or a list of texts; item {place} of the list is none"
        if len(one) > LONGEST_INPUT:
            return f"{_TOO_LONG} (item {place})"
    return None


def _body_of(kind: type[BaseModel]) -> dict[str, Any]:
    """The request's schema for OpenAPI, which FastAPI cannot see."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}


def _refuse_other_model(name: str, description: ModelDescription) -> None:
    if name.rpartition("/")[2].lower() != description.name.lower():
        raise NotFound(f"This server has the model {description.name!r}, not {name!r}.", code="model_not_found")


async def _while_connected(request: Request, work: Awaitable[T]) -> T:
    """What `work` gives; it is cancelled when the client goes away, so that its texts leave the queue."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnect_of(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for one in (task, gone):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one


async def _disconnect_of(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(content: bytes, description: ModelDescription) -> Response:
    return Response(content, media_type="application/json", headers={FINGERPRINT_HEADER: description.fingerprint})


def _body(vectors: Vectors, name: str, tokens: int, as_base64: bool) -> bytes:
    """An EmbeddingResponse. Row by row: a writer in C gives other threads no turn before it is done."""
    rows: Sequence[bytes]
    if as_base64:
        rows = [b'"%b"' % base64.b64encode(row) for row in np.ascontiguousarray(vectors, dtype="<f4")]
    else:
        rows = [to_json(row.tolist()) for row in vectors]
    data = b",".join(b'{"object":"embedding","index":%d,"embedding":%b}' % item for item in enumerate(rows))
    usage = to_json({"prompt_tokens": tokens, "total_tokens": tokens})
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (data, to_json(name), usage)
