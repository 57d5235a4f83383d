"""Every engine that runs here: it is what it says, it answers, and what is broken is built again or said clearly."""

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_builders import a_tiny_model

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.engines.opening import LoadedEngine, artefact_key, load_engine, runnable_choices
from shared.model.engines.runnable import why_not
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, model_config, read_model_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.graph.building import build_in_child
from shared.settings import Settings

pytestmark = pytest.mark.slow  # engines are built again and again

TEXTS = ("tariff", "duty import tariff export a b c d", "", "관세 laptop", "a b c d " * 20)
BUILT = tuple(
    EngineChoice(engine, precision)  # type: ignore[arg-type] # literals, of two lists
    for engine, precisions in (("onnx", ("fp32", "int8")), ("openvino", ("fp32", "bf16", "int8")))
    for precision in precisions
)
# Worst difference to fp32 of one number of a vector of length 1; tiny random models are quantised worst of all.
NEAR = {"fp32": 1e-5, "bf16": 0.03, "int8": 0.1}
needs_reference = pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="sentence-transformers is not installed (make test-reference)",
)


@pytest.fixture(params=BUILT, ids=str)
def choice(request: pytest.FixtureRequest) -> EngineChoice:
    """Each one that this machine can run."""
    chosen: EngineChoice = request.param
    if chosen not in runnable_choices(anything(read_packaged())):
        pytest.skip(f"{chosen} does not run here: {why_not(read_packaged(), chosen)}")
    return chosen


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for all tests that do not look at the building: each graph is built once, which takes a process."""
    return tmp_path_factory.mktemp("built")


def read_packaged() -> ModelConfig:
    return model_config(Settings())


def anything(config: ModelConfig) -> ModelConfig:
    return replace(config, engine="auto", precision="auto", device="auto")


def a_config(tmp_path: Path, **shape: Any) -> ModelConfig:
    return anything(read_model_config(a_tiny_model(tmp_path / "model", **shape), name="tiny"))


def loaded(config: ModelConfig, choice: EngineChoice, cache: Path) -> LoadedEngine:
    tokenizer = ModelTokenizer(config)
    return load_engine(config, choice, ArtefactCache(cache), lambda: tokenizer)


def test_an_engine_is_what_was_chosen_and_near_the_exact_one(tmp_path: Path, built: Path, choice: EngineChoice) -> None:
    # Wide enough for groups of 128.
    config = a_config(tmp_path, hidden=128, heads=4)
    exact = loaded(config, EngineChoice("onnx", "fp32"), built).engine
    first = loaded(config, choice, built)
    assert (first.engine.choice, first.engine.device) == (choice, "cpu")
    assert first.engine.streams >= 1 and first.engine.batch_tokens >= 256
    vectors = first.engine.run(first.engine.prepare(TEXTS))
    assert vectors.dtype == np.float32
    assert np.abs(vectors - exact.run(exact.prepare(TEXTS))).max() <= NEAR[choice.precision]
    first.engine.close()
    again = loaded(config, choice, built)
    assert again.artefact == "hit"
    assert np.abs(again.engine.run(again.engine.prepare(TEXTS)) - vectors).max() < 1e-5


def test_a_text_has_the_same_vector_alone_and_in_a_batch_of_longer_ones(
    tmp_path: Path, built: Path, choice: EngineChoice
) -> None:
    engine = loaded(a_config(tmp_path, hidden=128), choice, built).engine
    together = engine.run(engine.prepare(TEXTS))
    # One scale for a whole tensor of activations (ONNX int8) depends on what else is in the batch.
    most = {"fp32": 1e-4, "bf16": 0.01, "int8": 0.1 if choice.engine == "onnx" else 0.01}[choice.precision]
    for row, text in enumerate(TEXTS):
        assert np.abs(engine.run(engine.prepare([text]))[0] - together[row]).max() <= most


def test_more_threads_than_streams_get_their_own_answers(tmp_path: Path, built: Path, choice: EngineChoice) -> None:
    engine = loaded(a_config(tmp_path), choice, built).engine
    texts = ["tariff", "duty import", "a b c", "laptop notebook export a"]
    expected = [engine.run(engine.prepare([text])) for text in texts]
    with ThreadPoolExecutor(4 * engine.streams) as pool:
        answers = list(pool.map(lambda number: engine.run(engine.prepare([texts[number % 4]])), range(200)))
    for number, answer in enumerate(answers):
        assert np.array_equal(answer, expected[number % 4])


def test_batches_of_thousands_of_tokens_run_side_by_side_with_short_ones(tmp_path: Path, built: Path) -> None:
    """Their buffers are given back afterwards, which the library does only while nothing runs."""
    engine = loaded(a_config(tmp_path), EngineChoice("openvino", "fp32"), built).engine
    text = "a b c d " * 20
    (expected,) = engine.run(engine.prepare([text]))
    large, small = engine.prepare([text] * 300), engine.prepare([text])
    assert sum(len(item.ids) for item in large) > 4096
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(lambda number: engine.run(small if number % 2 else large), range(40)):
            assert np.abs(answer - expected).max() < 1e-5


def test_the_batch_that_settings_name_goes_before_the_engines(
    tmp_path: Path, built: Path, choice: EngineChoice
) -> None:
    config = replace(a_config(tmp_path), batch_tokens=77, threads=1)
    assert loaded(config, choice, built).engine.batch_tokens == 77


def test_a_damaged_file_is_built_again(tmp_path: Path, choice: EngineChoice) -> None:
    config = a_config(tmp_path)
    engine = loaded(config, choice, tmp_path / "cache").engine
    expected = engine.run(engine.prepare(TEXTS))
    engine.close()
    folder = tmp_path / "cache" / artefact_key(config, choice, ArtefactCache(tmp_path).content_sha256(config.weights))
    for path in folder.iterdir():
        if path.suffix in (".onnx", ".bin", ".xml", ".data"):
            path.write_bytes(path.read_bytes()[:-100] + b"\0" * 100)
    again = loaded(config, choice, tmp_path / "cache")
    assert again.artefact == "rebuilt"
    assert np.array_equal(again.engine.run(again.engine.prepare(TEXTS)), expected)


def test_vectors_that_are_no_numbers_are_never_served(tmp_path: Path, built: Path, choice: EngineChoice) -> None:
    from safetensors.numpy import load_file, save_file

    config = a_config(tmp_path)
    tensors = load_file(config.weights)
    tensors["encoder.layer.1.output.LayerNorm.weight"][:] = np.nan
    save_file(tensors, config.weights, {"format": "pt"})
    with pytest.raises(Unavailable, match="not numbers"):
        loaded(config, choice, built)


def test_the_exact_graph_is_built_once_for_both_libraries(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    keys = {choice: artefact_key(config, choice, "0") for choice in BUILT}
    exact = {key for choice, key in keys.items() if choice.precision != "int8"}
    assert len(exact) == 1
    assert len(set(keys.values())) == 3


def test_sorted_channels_change_nothing_but_the_order(tmp_path: Path) -> None:
    from shared.model.graph.encoder import build_graph

    config = a_config(tmp_path, family="xlm-roberta", hidden=64)
    answers = []
    for sort in (False, True):
        import onnxruntime

        model = build_graph(config, sort_channels=sort).SerializeToString()
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        ids = np.arange(5, 17).reshape(2, 6)
        answers.append(session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0])
    assert np.abs(answers[0] - answers[1]).max() < 1e-6


def test_an_impossible_choice_is_unavailable_before_anything_is_built(tmp_path: Path) -> None:
    config = replace(a_config(tmp_path), device="cuda")
    with pytest.raises(Unavailable, match=r"SEOGA_MODEL_DEVICE was 'cuda'.*`auto` or `cpu`"):
        loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_build_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    config = replace(a_config(tmp_path), load_timeout_seconds=0.001)
    # Who reads it waits for a writer, so that no machine is too fast.
    (config.folder / "config.json").unlink()
    os.mkfifo(config.folder / "config.json")
    with pytest.raises(Unavailable, match=r"not built within 0\.001 s"):
        build_in_child(config, EngineChoice("onnx", "fp32"), tmp_path)


@pytest.mark.reference
@needs_reference
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_reference_says_its_device_and_refuses_pickles(tmp_path: Path, built: Path) -> None:
    import importlib

    torch: Any = importlib.import_module("torch")
    choice = EngineChoice("sentence-transformers", "fp32")
    config = a_config(tmp_path)
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert loaded(config, choice, built).engine.device == expected
    assert loaded(replace(config, device="cpu"), choice, built).engine.device == "cpu"
    if expected == "cpu":
        with pytest.raises(Unavailable, match=r"SEOGA_MODEL_DEVICE was 'cuda': torch sees no GPU"):
            loaded(replace(config, device="cuda"), choice, built)
    (config.folder / "2_Dense").mkdir()
    (config.folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(Unavailable, match="is a pickle"):
        loaded(config, choice, built)
    config.weights.rename(config.folder / "pytorch_model.bin")
    with pytest.raises(Unavailable, match="safetensors only"):
        loaded(config, choice, built)
