"""Pictures over HTTP: caption, text, boxes and problems of one picture."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from picture_builders import LoadedModels, a_picture, as_file, ocr_reader

from shared.model.http.images import PictureView, build_images_router
from shared.model.pictures.ocr import TextReader
from shared.settings import Settings
from shared.web.access import Access
from shared.web.problems import install_problem_handlers

ROUTE = "/api/v1/model/images"
PICTURE = as_file(a_picture("harbour", "tariff"))


def a_client(models: LoadedModels, access: Access | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    install_problem_handlers(app)
    app.include_router(build_images_router(models, access or Access(None), max_body_size=1 << 20))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TextReader]:
    loaded = ocr_reader(tmp_path_factory.mktemp("ocr"))
    yield loaded
    loaded.close()


@pytest.fixture
async def client(reader: TextReader, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Real Tesseract, and no caption weights."""
    models = LoadedModels(Settings(caption_model=tmp_path / "none"), reader=reader)
    async with a_client(models) as opened:
        yield opened


async def test_text_boxes_and_why_there_is_no_caption(client: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await client.post(ROUTE, content=PICTURE)
    assert answer.status_code == 200
    found = PictureView.model_validate(answer.json())
    assert (found.caption, found.text, found.languages, found.pages) == (None, "harbour\ntariff", "kor+eng", 1)
    assert [(box.text, box.line) for box in found.boxes] == [("harbour", 1), ("tariff", 2)]
    assert found.confidence is not None
    assert found.confidence > 0.5
    (problem,) = found.problems
    assert (problem.part, problem.code, problem.is_unavailable) == ("caption", "weights_not_found", True)
    assert problem.detail == f"weights not found at {tmp_path / 'none'}; set SEOGA_CAPTION_MODEL"


@pytest.mark.parametrize("written", ["eng+kor", "eng%2Bkor"])
async def test_parts_and_languages_are_chosen(client: httpx.AsyncClient, written: str) -> None:
    answer = await client.post(f"{ROUTE}?parts=text&languages={written}", content=PICTURE)
    assert answer.status_code == 200
    found = PictureView.model_validate(answer.json())
    assert (found.text, found.languages, found.problems) == ("harbour\ntariff", "eng+kor", [])


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", b"no picture", 415, "not_a_picture"),
        ("", b"", 422, "invalid_input"),
        ("", PICTURE[:60], 422, "damaged_picture"),
        ("", b"P5 20000 20000 255\n", 422, "too_many_pixels"),
        ("", b"x" * (1 << 21), 413, "too_large"),
        ("?parts=", PICTURE, 422, "invalid_input"),
        ("?parts=caption,smell", PICTURE, 422, "invalid_input"),
        ("?languages=../eng", PICTURE, 422, "wrong_languages"),
        ("?languages=xyz", PICTURE, 422, "language_not_available"),
        ("?languages=" + "a" * 100, PICTURE, 422, "invalid_input"),
        ("?parts=caption", PICTURE, 503, "picture_models_unavailable"),
    ],
)
async def test_wrong_requests_are_refused(
    client: httpx.AsyncClient, query: str, body: bytes, status: int, code: str
) -> None:
    answer = await client.post(ROUTE + query, content=body)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_without_any_model_the_answer_is_503_with_both_causes(tmp_path: Path) -> None:
    models = LoadedModels(Settings(caption_model=tmp_path / "none", ocr_data=tmp_path))
    async with a_client(models) as client:
        answer = await client.post(ROUTE, content=PICTURE)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    for words in ("weights not found at", "apt-get install tesseract-ocr-kor"):
        assert words in answer.json()["detail"]


async def test_a_key_is_needed_where_there_are_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("a-key-of-sixteen-characters * read\n", encoding="utf-8")
    models = LoadedModels(Settings(ocr_data=tmp_path))
    async with a_client(models, Access.from_file(keys)) as client:
        assert (await client.post(ROUTE, content=PICTURE)).status_code == 401
        with_key = {"Authorization": "Bearer a-key-of-sixteen-characters"}
        assert (await client.post(ROUTE, content=PICTURE, headers=with_key)).status_code == 503
