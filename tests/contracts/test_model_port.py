"""The promises of ports/model.py, over every engine that can run here and over another process's model."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from model_builders import a_tiny_model, tiny_settings
from model_server import serving_model

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.manager import ModelManager
from shared.model.remote.model import RemoteModel
from shared.ports.model import Model, TextKind, Vectors
from shared.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")


@pytest.fixture(params=["onnx", "remote", pytest.param("sentence-transformers", marks=pytest.mark.reference)])
async def model(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Model]:
    adapter: str = request.param
    if adapter == "sentence-transformers" and importlib.util.find_spec("sentence_transformers") is None:
        pytest.skip("sentence-transformers is not installed (make test-reference)")
    a_tiny_model(tmp_path / "model", normalise=False, prompts={"query": "tariff: ", "passage": "duty: "})
    engine = "onnx" if adapter == "remote" else adapter
    async with ModelManager(tiny_settings(tmp_path, model_engine=engine), PrometheusMetrics()) as manager:
        if adapter == "remote":
            with serving_model(manager) as url:
                async with RemoteModel(Settings(model_url=url), PrometheusMetrics()) as remote:
                    yield remote
        else:
            yield manager


async def test_describes_itself_without_loading(model: Model) -> None:
    description = model.describe()
    assert (description.name, description.dimension, description.max_tokens) == ("model", 32, 24)
    assert description.languages == {"en"}
    assert description.fingerprint
    assert not model.is_loaded


async def test_counts_tokens_without_loading_special_tokens_or_a_limit(model: Model) -> None:
    assert await model.count_tokens([]) == []
    assert await model.count_tokens(["", "tariff", "tariffs duty", "tariff " * 100]) == [0, 1, 3, 100]
    assert not model.is_loaded


async def test_gives_one_row_per_text_in_their_order(model: Model) -> None:
    texts = ["tariff", "duty " * 20, "", "관세", "import export laptop", "tariff"]
    vectors = await model.embed(texts, kind="passage")
    assert vectors.shape == (6, 32)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    for row, text in zip(vectors, texts, strict=True):
        assert np.allclose(row, (await model.embed([text], kind="passage"))[0], atol=1e-5)
    assert model.is_loaded


async def test_rows_have_length_one(model: Model) -> None:
    vectors = await model.embed(["tariff", "", "관세 수입", "a b c d " * 50], kind="query")
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_no_text_gives_no_row(model: Model) -> None:
    assert (await model.embed([], kind="query")).shape == (0, 32)
    nothing = await model.embed_counted([], kind="query")
    assert (nothing.vectors.shape, nothing.tokens) == ((0, 32), 0)
    assert not model.is_loaded


async def test_the_kind_chooses_the_prompt_unless_there_is_to_be_none(model: Model) -> None:
    query = await model.embed(["import"], kind="query")
    passage = await model.embed(["import"], kind="passage")
    assert not np.allclose(query, passage, atol=1e-3)
    swapped: list[tuple[TextKind, str, Vectors]] = [
        ("passage", "tariff: import", query),
        ("query", "duty: import", passage),
    ]
    for kind, text, expected in swapped:
        plain = await model.embed_counted([text], kind=kind, prompt=False)
        assert np.allclose(plain.vectors, expected, atol=1e-5)


async def test_tells_the_tokens_it_read(model: Model) -> None:
    # [CLS] tariff [SEP], with the prompt "tariff :" two more; and one text that is cut at 24.
    assert (await model.embed_counted(["tariff"], kind="query", prompt=False)).tokens == 3
    assert (await model.embed_counted(["tariff"], kind="query")).tokens == 5
    assert (await model.embed_counted(["tariff", "duty " * 100], kind="passage", prompt=False)).tokens == 3 + 24


async def test_gives_the_models_own_vectors_on_request(model: Model) -> None:
    texts = ["tariff", "관세 수입"]
    own = await model.embed_counted(texts, kind="query", normalise=False)
    lengths = np.linalg.norm(own.vectors, axis=1, keepdims=True)
    assert not np.allclose(lengths, 1, atol=0.1)
    assert np.allclose(own.vectors / lengths, await model.embed(texts, kind="query"), atol=1e-5)


async def test_a_check_never_loads(model: Model) -> None:
    await model.check(10)
    assert not model.is_loaded
    await model.embed(["tariff"], kind="query")
    await model.check(10)


async def test_a_vector_may_be_changed_by_who_got_it(model: Model) -> None:
    vectors = await model.embed(["tariff"], kind="query")
    vectors[:] = 0
    assert (await model.embed(["tariff"], kind="query")).any()


async def test_many_callers_at_once_get_their_own(model: Model) -> None:
    kinds: tuple[TextKind, ...] = ("query", "passage")
    asked = [(word, kind) for word in ("tariff", "duty", "import", "export", "laptop") for kind in kinds] * 3
    alone = {(word, kind): (await model.embed([word], kind=kind))[0] for word, kind in set(asked)}
    answers = await asyncio.gather(*(model.embed([word], kind=kind) for word, kind in asked))
    for question, answer in zip(asked, answers, strict=True):
        assert np.allclose(answer[0], alone[question], atol=1e-5)


async def test_the_fingerprint_is_the_same_for_every_engine(model: Model, tmp_path: Path) -> None:
    other = ModelManager(tiny_settings(tmp_path), PrometheusMetrics())
    assert other.describe().fingerprint == model.describe().fingerprint


async def test_weights_that_are_gone_are_unavailable_with_the_cause(model: Model, tmp_path: Path) -> None:
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"model\.safetensors"):
        await model.embed(["tariff"], kind="query")
    assert not model.is_loaded
