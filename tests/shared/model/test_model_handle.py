"""The drop-in for SentenceTransformer: its shapes and types, over whichever model this process shares."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_builders import a_tiny_model, tiny_settings
from model_server import serving_model

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import NotFound, Unavailable
from shared.model import handle as handles
from shared.model.embedding.model import EmbeddingModel
from shared.model.files.config import model_config
from shared.model.handle import EmbeddingHandle, get_model
from shared.model.manager import ModelManager
from shared.model.remote.model import RemoteModel
from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings, WrongSettings

pytestmark = pytest.mark.slow  # other processes and their forks

TEXTS = ["tariff", "duty " * 20, "", "관세 수입", "import export laptop", "tariff"]


@pytest.fixture(autouse=True)
def only_this_test(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No server of this machine is found, and nothing is left for the next test."""
    monkeypatch.setenv("SEOGA_DATA_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)
    yield
    handles.close()


@pytest.fixture
async def unnormalised(tmp_path: Path, metrics: PrometheusMetrics) -> AsyncIterator[ModelManager]:
    """A model with prompts, whose own vectors are not of length 1; this process shares it."""
    a_tiny_model(tmp_path / "model", normalise=False, prompts={"query": "tariff: ", "passage": "duty: "})
    async with ModelManager(tiny_settings(tmp_path), metrics) as manager, handles.Registration(manager):
        yield manager


@pytest.fixture
def handle(unnormalised: ModelManager) -> EmbeddingHandle:
    return ModelManager.get_model()


async def test_a_text_gives_a_vector_and_a_list_gives_rows(handle: EmbeddingHandle) -> None:
    one, many = handle.encode("tariff"), handle.encode(TEXTS)
    assert (one.shape, one.dtype, many.shape, many.dtype) == ((32,), np.float32, (6, 32), np.float32)
    assert np.allclose(one, many[0], atol=1e-5)
    assert np.allclose(many[0], many[5], atol=1e-5)
    assert not np.allclose(many[0], many[1], atol=1e-2)
    same: Sequence[Any] = (tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, dtype=object))
    for texts in same:
        assert np.allclose(handle.encode(texts), many, atol=1e-5)
    assert np.allclose(handle.encode(inputs=TEXTS), many, atol=1e-5)


async def test_no_text_gives_what_the_original_gives(handle: EmbeddingHandle) -> None:
    assert handle.encode([]).shape == (0,)


async def test_vectors_are_the_models_own_unless_length_one_is_asked(
    handle: EmbeddingHandle, unnormalised: ModelManager
) -> None:
    own = handle.encode(TEXTS)
    unit = handle.encode(TEXTS, normalize_embeddings=True)
    lengths = np.linalg.norm(own, axis=1, keepdims=True)
    assert not np.allclose(lengths, 1, atol=0.1)
    assert np.allclose(unit, own / lengths, atol=1e-5)
    expected = await unnormalised.embed_counted(TEXTS, kind="passage", prompt=False, normalise=False)
    assert np.allclose(own, expected.vectors, atol=1e-5)


async def test_a_prompt_goes_before_texts_only_when_it_is_named(handle: EmbeddingHandle) -> None:
    plain, query = handle.encode("tariff: duty"), handle.encode_query("duty")
    assert np.allclose(query, plain, atol=1e-5)
    assert np.allclose(handle.encode("duty", prompt_name="query"), plain, atol=1e-5)
    assert np.allclose(handle.encode("duty", prompt="tariff: "), plain, atol=1e-5)
    assert np.allclose(handle.encode("duty", prompt="tariff: ", prompt_name="passage"), plain, atol=1e-5)
    assert np.allclose(handle.encode_document(["duty"])[0], handle.encode("duty: duty"), atol=1e-5)
    assert np.allclose(handle.encode_query(["duty"], prompt=""), handle.encode(["duty"]), atol=1e-5)


async def test_what_old_code_asks_of_its_model(handle: EmbeddingHandle) -> None:
    assert handle.get_embedding_dimension() == handle.get_sentence_embedding_dimension() == 32
    assert handle.max_seq_length == 24
    vectors = handle.encode(sentences=TEXTS, batch_size=2, show_progress_bar=False, convert_to_numpy=True, device="cpu")
    assert vectors.shape == (6, 32)


async def test_a_progress_bar_changes_no_vector(handle: EmbeddingHandle, capsys: pytest.CaptureFixture[str]) -> None:
    texts = TEXTS * 60
    assert np.allclose(handle.encode(texts, show_progress_bar=True), handle.encode(texts), atol=1e-5)
    shown = capsys.readouterr()
    assert "Batches" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"sentences": 5}, TypeError, "not int"),
        ({"sentences": b"tariff"}, TypeError, "not bytes"),
        ({}, TypeError, "not NoneType"),
        ({"sentences": ["tariff", None]}, TypeError, "number 1 is NoneType"),
        ({"sentences": "tariff", "truncate": 3}, TypeError, "truncate"),
        ({"sentences": "tariff", "batch_size": 0}, ValueError, "batch_size must be a positive integer"),
        ({"sentences": "tariff", "prompt_name": "riddle"}, ValueError, "'riddle'"),
        ({"sentences": "tariff", "precision": "int8"}, ValueError, "float32"),
        ({"sentences": "tariff", "output_value": "token_embeddings"}, ValueError, "sentence embeddings"),
    ],
)
async def test_what_cannot_be_encoded_is_said(
    handle: EmbeddingHandle, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        handle.encode(**given)


async def test_many_threads_share_one_load(handle: EmbeddingHandle, unnormalised: ModelManager) -> None:
    with ThreadPoolExecutor(16) as threads:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(threads, handle.encode, TEXTS) for _ in range(16)]
        answers = await asyncio.gather(*calls)
    assert all(np.allclose(answer, answers[0], atol=1e-5) for answer in answers)
    assert unnormalised.status().embedding.slot.loads == 1


async def test_a_caller_waits_no_longer_than_it_said(unnormalised: ModelManager) -> None:
    with pytest.raises(Unavailable, match=r"within 0\.001 s"):
        get_model(timeout=0.001).encode("tariff")
    assert get_model(timeout=60).encode("tariff").shape == (32,)


async def test_a_model_that_cannot_load_says_why(handle: EmbeddingHandle, tmp_path: Path) -> None:
    (tmp_path / "model" / "model.safetensors").unlink()
    with pytest.raises(Unavailable, match=r"model\.safetensors"):
        handle.encode("tariff")


@pytest.mark.parametrize("name", ["model", "Model", "some-owner/model"])
async def test_the_models_own_name_is_understood(unnormalised: ModelManager, name: str) -> None:
    assert get_model(name).encode("tariff").shape == (32,)


async def test_another_models_name_is_refused(unnormalised: ModelManager) -> None:
    with pytest.raises(NotFound, match=r"'model', not 'bge-m3'.*SEOGA_MODEL_NAME"):
        get_model("bge-m3")


async def test_the_model_registered_last_is_shared_until_it_is_closed(
    tiny: ModelManager, unnormalised: ModelManager
) -> None:
    assert get_model().model is unnormalised
    async with handles.Registration(tiny):
        assert get_model().model is tiny
    assert get_model().model is unnormalised


Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    def set_all(**values: object) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"SEOGA_{name.upper()}", str(value))

    return set_all


async def test_a_url_in_the_settings_is_a_remote_model(tiny: ModelManager, environment: Environment) -> None:
    with serving_model(tiny) as url:
        environment(model_url=url, model_engine="auto")
        handle = get_model("model")
        assert isinstance(handle.model, RemoteModel)
        assert get_model().model is handle.model
        expected = await tiny.embed_counted(TEXTS, kind="passage", prompt=False, normalise=False)
        vectors = await asyncio.to_thread(handle.encode, TEXTS)
        assert np.allclose(vectors, expected.vectors, atol=1e-5)
        assert np.allclose(handle.encode("tariff"), vectors[0], atol=1e-5)


def test_the_engine_remote_without_a_url_is_a_wrong_setting(environment: Environment) -> None:
    environment(model_engine="remote")
    with pytest.raises(WrongSettings, match="SEOGA_MODEL_URL"):
        get_model()


async def test_the_server_of_the_data_directory_is_found_and_followed(
    tiny: ModelManager, environment: Environment, tmp_path: Path
) -> None:
    directory = DataDirectory(tmp_path / "shared")
    environment(data_dir=directory.path)
    with directory.hold():
        with serving_model(tiny) as url:
            directory.publish_server(url)
            handle = get_model()
            assert handle.encode("tariff").shape == (32,)
        with serving_model(tiny) as url:
            directory.publish_server(url)
            assert handle.encode("tariff").shape == (32,)
            assert get_model().model is handle.model


@pytest.mark.parametrize("shared", ["off", "on"])
async def test_without_a_server_or_sharing_the_process_has_its_own(
    shared: str, tiny: ModelManager, environment: Environment, tmp_path: Path
) -> None:
    directory = DataDirectory(tmp_path / "shared")
    environment(data_dir=directory.path, model_path=tmp_path / "model", shared_model=shared)
    with directory.hold():
        if shared == "off":
            directory.publish_server("http://127.0.0.1:9")
        handle = get_model()
        assert isinstance(handle.model, EmbeddingModel)
        assert get_model().model is handle.model
        assert handle.encode("tariff").shape == (32,)
    assert not tiny.is_loaded


PROGRAM = """
import os, sys
from shared.model.manager import ModelManager

model = ModelManager.get_model()
print(model.encode("tariff").shape, model.encode(["duty", "import"]).shape)
child = os.fork()
if not child:
    os._exit(0 if ModelManager.get_model().encode(["duty"]).shape == model.encode(["duty"]).shape == (1, 32) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print(sorted({"onnxruntime", "openvino", "torch", "sentence_transformers"} & set(sys.modules)))
"""


async def test_another_process_and_its_fork_load_nothing_themselves(tiny: ModelManager, tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "shared")
    with directory.hold(), serving_model(tiny) as url:
        directory.publish_server(url)
        result = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "SEOGA_DATA_DIR": str(directory.path)},
        )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["(32,) (2, 32)", "[]"]
    assert tiny.status().embedding.embedded_texts == 5


@pytest.fixture(scope="module", params=["tiny", "tiny, not normalised", "packaged"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, packaged_settings: Settings
) -> Iterator[tuple[EmbeddingHandle, Any]]:
    """The handle and the real thing, of one model."""
    sentence_transformers = pytest.importorskip("sentence_transformers", reason="make test-reference installs it")
    settings = packaged_settings
    if request.param != "packaged":
        folder = tmp_path_factory.mktemp("pair")
        a_tiny_model(folder / "model", normalise=request.param == "tiny")
        settings = tiny_settings(folder)
    real = sentence_transformers.SentenceTransformer(
        str(model_config(settings).folder), device="cpu", local_files_only=True
    )
    model = EmbeddingModel(settings, PrometheusMetrics())
    yield EmbeddingHandle(model), real
    model.close()


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("sentences", ["tariff of notebooks", TEXTS, tuple(TEXTS), np.array(TEXTS), [], ["one"]])
def test_encodes_as_the_original(pair: tuple[EmbeddingHandle, Any], sentences: Any, normalize: bool) -> None:
    handle, real = pair
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"convert_to_tensor": True},
        {"convert_to_numpy": False},
        {"batch_size": 3},
    )
    for kind in kinds:
        given = {"normalize_embeddings": normalize, "show_progress_bar": False, **kind}
        ours, theirs = handle.encode(sentences, **given), real.encode(sentences, **given)
        assert type(ours) is type(theirs)
        if isinstance(ours, list):
            assert [type(row) for row in ours] == [type(row) for row in theirs]
            assert [row.dtype for row in ours] == [row.dtype for row in theirs]
        else:
            assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
        left, right = (np.array([np.asarray(row) for row in rows]) for rows in (ours, theirs))
        assert left.shape == right.shape
        assert np.allclose(left, right, atol=1e-5)


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning", "ignore:.*:FutureWarning")
def test_tells_of_itself_what_the_original_tells(pair: tuple[EmbeddingHandle, Any]) -> None:
    handle, real = pair
    assert handle.get_embedding_dimension() == real.get_embedding_dimension()
    assert handle.max_seq_length == real.max_seq_length
    for encode in ("encode_query", "encode_document"):
        assert np.allclose(getattr(handle, encode)(TEXTS), getattr(real, encode)(TEXTS), atol=1e-5)
    mistakes: tuple[dict[str, Any], ...] = ({"batch_size": 0}, {"prompt_name": "riddle"})
    for wrong in mistakes:
        for model in (handle, real):
            with pytest.raises(ValueError, match=r"batch_size|riddle"):
                model.encode("tariff", **wrong)
