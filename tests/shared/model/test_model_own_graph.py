"""Models that bring an ONNX file: it runs where we have no graph of our own, pooled and normalised by us."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from model_builders import a_tiny_model

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.engines.opening import LoadedEngine, artefact_key, load_engine, runnable_choices
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, read_model_config
from shared.model.files.tokens import ModelTokenizer

pytestmark = pytest.mark.slow  # graphs are built for every engine

TEXTS = ("tariff", "duty import tariff export a b c d", "", "관세 laptop", "a b c d " * 20)


def a_config(tmp_path: Path, **shape: Any) -> ModelConfig:
    folder = a_tiny_model(tmp_path / "model", **shape)
    return replace(read_model_config(folder, name="tiny"), engine="auto", precision="auto", device="auto")


def loaded(config: ModelConfig, choice: EngineChoice, cache: Path) -> LoadedEngine:
    tokenizer = ModelTokenizer(config)
    return load_engine(config, choice, ArtefactCache(cache), lambda: tokenizer)


def own_graph(path: Path, names: tuple[str, ...], *, output: str, element: int = onnx.TensorProto.INT64) -> None:
    """A stand-in for an exported model: a token's vector is a row of a table, plus one where it is read."""
    helper, wide = onnx.helper, 32
    table = np.random.default_rng(5).normal(0, 1, (200, wide)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
        helper.make_node("Add", ["rows", "column"], ["hidden"]),
    ]
    if "token_type_ids" in names:
        nodes.append(helper.make_node("Cast", ["token_type_ids"], ["types"], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Unsqueeze", ["types", "last"], ["type_column"]))
        nodes.append(helper.make_node("Add", ["hidden", "type_column"], ["typed"]))
    vectors = nodes[-1].output[0]
    shape: tuple[str | int, ...] = ("b", "t", wide)
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceMax", [vectors], [output], axes=[1], keepdims=0))
        shape = ("b", wide)
    else:
        nodes.append(helper.make_node("Identity", [vectors], [output]))
    path.parent.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(
        nodes,
        "exported",
        [helper.make_tensor_value_info(name, element, ("b", "t")) for name in names],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, shape)],
        [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.array([2]), "last")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8), str(path))


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("output", ["last_hidden_state", "token_embeddings", "sentence_embedding"])
def test_the_models_own_onnx_file_runs_what_we_cannot_build(tmp_path: Path, output: str, pooling: str) -> None:
    config = a_config(tmp_path, model_type="modernbert", pooling=pooling, weights=False)
    names = ("input_ids", "attention_mask", "token_type_ids")
    own_graph(config.folder / "onnx" / "model.onnx", names, output=output)
    assert config.weights == config.folder / "onnx" / "model.onnx"
    engine = loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache").engine
    batch = engine.prepare(TEXTS)
    table = np.random.default_rng(5).normal(0, 1, (200, 32)).astype(np.float32)
    for item, vector in zip(batch, engine.run(batch), strict=True):
        rows = table[list(item.ids)] + 1
        pooled = {"mean": rows.mean(axis=0), "cls": rows[0], "max": rows.max(axis=0)}[pooling]
        if output == "sentence_embedding":
            padding = table[:1] if len(item.ids) < max(len(other.ids) for other in batch) else rows
            pooled = np.concatenate([rows, padding]).max(axis=0)
        assert np.abs(vector - pooled / np.linalg.norm(pooled)).max() < 1e-5


def test_the_models_own_file_runs_on_every_engine(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="modernbert", weights=False)
    own_graph(config.folder / "onnx" / "model.onnx", ("input_ids", "attention_mask"), output="last_hidden_state")
    exact = loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache").engine
    expected = exact.run(exact.prepare(TEXTS))
    choices = [choice for choice in runnable_choices(config) if choice.engine != "sentence-transformers"]
    assert EngineChoice("openvino", "fp32") in choices
    for choice in choices:
        engine = loaded(config, choice, tmp_path / "cache").engine
        difference = np.abs(engine.run(engine.prepare(TEXTS)) - expected).max()
        assert difference <= {"fp32": 1e-5, "bf16": 0.03, "int8": 0.1}[choice.precision], choice


def test_an_own_file_with_numbers_of_32_bits_is_fed_them(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="modernbert", weights=False)
    names = ("input_ids", "attention_mask", "token_type_ids")
    own_graph(config.folder / "onnx" / "model.onnx", names, output="last_hidden_state", element=onnx.TensorProto.INT32)
    engine = loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache").engine
    assert engine.run(engine.prepare(TEXTS)).shape == (len(TEXTS), 32)


@pytest.mark.parametrize(
    ("names", "output", "said"),
    [
        (("input_ids", "attention_mask", "pixel_values"), "last_hidden_state", "wants the input 'pixel_values'"),
        (("input_ids", "attention_mask"), "logits", "gives logits"),
    ],
)
def test_an_own_file_of_another_kind_is_refused_in_words(
    tmp_path: Path, names: tuple[str, ...], output: str, said: str
) -> None:
    config = a_config(tmp_path, model_type="modernbert", weights=False)
    own_graph(config.folder / "onnx" / "model.onnx", names, output=output)
    with pytest.raises(Unavailable, match=said):
        loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache")


def test_weights_beside_a_large_own_file_are_what_is_hashed(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="modernbert", weights=False)
    path = config.folder / "onnx" / "model.onnx"
    own_graph(path, ("input_ids", "attention_mask"), output="last_hidden_state")
    before = loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "one").engine
    onnx.save(
        onnx.load(str(path)), str(path), save_as_external_data=True, location="model.onnx_data", size_threshold=1024
    )
    assert config.weights == config.folder / "onnx" / "model.onnx_data"
    after = loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "two").engine
    assert np.array_equal(after.run(after.prepare(TEXTS)), before.run(before.prepare(TEXTS)))


def test_a_damaged_own_file_is_said_to_be(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="modernbert", weights=False)
    path = config.folder / "onnx" / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(b"not a graph")
    with pytest.raises(Unavailable, match="could not be built"):
        loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache")


def test_weights_go_before_the_models_own_file(tmp_path: Path) -> None:
    config = a_config(tmp_path)
    own_graph(config.folder / "onnx" / "model.onnx", ("input_ids", "attention_mask"), output="logits")
    assert config.weights.name == "model.safetensors"
    assert loaded(config, EngineChoice("onnx", "fp32"), tmp_path / "cache").artefact == "built"


def test_another_own_file_is_another_artefact(tmp_path: Path) -> None:
    config = a_config(tmp_path, model_type="modernbert")
    path = config.folder / "onnx" / "model.onnx"
    own_graph(path, ("input_ids", "attention_mask"), output="last_hidden_state")
    before = artefact_key(config, EngineChoice("onnx", "fp32"), "0")
    own_graph(path, ("input_ids", "attention_mask", "token_type_ids"), output="last_hidden_state")
    assert artefact_key(config, EngineChoice("onnx", "fp32"), "0") != before
