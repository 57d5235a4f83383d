"""The encoder as one ONNX graph, written straight from `model.safetensors` and the model's JSON files.

BERT family (Devlin et al. 2018, arXiv:1810.04805), post-layer-norm; pooling and normalisation as
sentence-transformers does them (Reimers & Gurevych 2019, arXiv:1908.10084). Standard operators only, so that
any runtime can fuse them as it likes. Runs in a child process: the server keeps neither onnx nor safetensors.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

from shared.model.config import Architecture, ModelConfig

OPSET: Final = 20
# −1e9 overflows to NaN in bf16; e^−10000 is 0 in every format.
_MASKED: Final = -1e4

FAMILIES: Final = frozenset({"bert"})
POOLINGS: Final = frozenset({"mean", "cls", "max"})
# Our name of the activation → ONNX Gelu's `approximate`; "" is ReLU.
_ACTIVATIONS: Final = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "relu": ""}

Array = npt.NDArray[np.float32]


class UnsupportedArchitecture(Exception):
    """The builder has no graph for this kind of encoder."""


class _Weights:
    """The tensors of a safetensors file by their BERT names, as float32."""

    def __init__(self, path: Path) -> None:
        self._file = cast(Any, safe_open(path, framework="np"))
        names: set[str] = set(self._file.keys())
        marker = "embeddings.word_embeddings.weight"
        prefixes = [name.removesuffix(marker) for name in names if name.endswith(marker)]
        if len(prefixes) != 1:
            raise UnsupportedArchitecture(f"no {marker} in {path.name}")
        self._prefix = prefixes[0]

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self._file.get_tensor(self._prefix + name), dtype=np.float32)


class _Graph:
    """Collects nodes and initialisers; every method returns the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[str, bytes], str] = {}
        self._count = 0

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        self._count += 1
        name = output or f"{operator.lower()}_{self._count}"
        self.nodes.append(
            helper.make_node(operator, list(inputs), [name], name=f"{operator}_{self._count}", **attributes)
        )
        return name

    def weight(self, name: str, value: Array) -> str:
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def scalar(self, value: float) -> str:
        return self._constant(np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64))

    def integer(self, value: int) -> str:
        return self._constant(np.array(value, dtype=np.int64))

    def _constant(self, value: npt.NDArray[Any]) -> str:
        key = (f"{value.dtype}{value.shape}", value.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
            self.initialisers.append(numpy_helper.from_array(value, self._constants[key]))
        return self._constants[key]


def build_graph(config: ModelConfig) -> onnx.ModelProto:
    """A model with inputs `input_ids`, `attention_mask` (int64, (batch, tokens), mask 1 = read) and output
    `sentence_embedding` (float32, (batch, dimension)); both axes free.

    Raises UnsupportedArchitecture, and KeyError or SafetensorError for a file that lacks or breaks a tensor.
    """
    shape = config.architecture
    _refuse_unsupported(config)
    graph, weights = _Graph(), _Weights(config.weights)
    bias = _attention_bias(graph)
    hidden = _embeddings(graph, weights, shape)
    for layer in range(shape.layers):
        hidden = _encoder_layer(graph, weights, shape, layer, hidden, bias)
    pooled = _pool(graph, config.pooling, hidden)
    if config.normalise:
        length = graph.add("ReduceL2", pooled, graph.integers(1), keepdims=1)
        pooled = graph.add("Div", pooled, graph.add("Max", length, graph.scalar(1e-12)))
    graph.add("Identity", pooled, output="sentence_embedding")
    axes: Sequence[str | int] = ("batch", "tokens")
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "encoder",
            [
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, axes),
                helper.make_tensor_value_info("attention_mask", TensorProto.INT64, axes),
            ],
            [helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ("batch", config.dimension))],
            graph.initialisers,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        producer_name="seoga",
    )
    model.ir_version = 10
    return model


def _refuse_unsupported(config: ModelConfig) -> None:
    shape = config.architecture
    checks = (
        ("kind", shape.model_type, shape.model_type in FAMILIES),
        ("position embedding", shape.position_embedding, shape.position_embedding == "absolute"),
        ("activation", shape.activation, shape.activation in _ACTIVATIONS),
        ("pooling", config.pooling, config.pooling in POOLINGS),
        ("modules", ", ".join(config.other_modules), not config.other_modules),
    )
    wrong = [f"its {what} is {value or 'not given'}" for what, value, good in checks if not good]
    if wrong:
        raise UnsupportedArchitecture("; ".join(wrong))


def _attention_bias(graph: _Graph) -> str:
    """(batch, 1, 1, tokens): 0 where the token is read, −1e4 where it is padding."""
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    mask = graph.add("Unsqueeze", mask, graph.integers(1, 2))
    return graph.add("Mul", graph.add("Sub", graph.scalar(1.0), mask), graph.scalar(_MASKED))


def _embeddings(graph: _Graph, weights: _Weights, shape: Architecture) -> str:
    words = graph.add("Gather", graph.weight("words", weights["embeddings.word_embeddings.weight"]), "input_ids")
    # Every token is of type 0, so its vector joins the positions' once and for all.
    positions = weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
    tokens = graph.add("Shape", "input_ids", start=1, end=2)
    table = graph.add("Slice", graph.weight("positions", positions), graph.integers(0), tokens, graph.integers(0))
    return _layer_norm(graph, weights, shape, "embeddings.LayerNorm", graph.add("Add", words, table))


def _encoder_layer(graph: _Graph, weights: _Weights, shape: Architecture, layer: int, hidden: str, bias: str) -> str:
    at = f"encoder.layer.{layer}."
    attended = _attention(graph, weights, shape, at, hidden, bias)
    attended = _linear(graph, weights, at + "attention.output.dense", attended)
    hidden = _layer_norm(graph, weights, shape, at + "attention.output.LayerNorm", graph.add("Add", attended, hidden))
    wide = _linear(graph, weights, at + "intermediate.dense", hidden)
    approximate = _ACTIVATIONS[shape.activation]
    wide = graph.add("Gelu", wide, approximate=approximate) if approximate else graph.add("Relu", wide)
    narrow = _linear(graph, weights, at + "output.dense", wide)
    return _layer_norm(graph, weights, shape, at + "output.LayerNorm", graph.add("Add", narrow, hidden))


def _attention(graph: _Graph, weights: _Weights, shape: Architecture, at: str, hidden: str, bias: str) -> str:
    """Scaled dot-product attention over `heads` heads (Vaswani et al. 2017, arXiv:1706.03762)."""
    width = shape.hidden // shape.heads
    split = graph.integers(0, 0, shape.heads, width)
    at += "attention.self."

    def heads(name: str, order: Sequence[int], scale: float = 1.0) -> str:
        projected = _linear(graph, weights, at + name, hidden, scale)
        return graph.add("Transpose", graph.add("Reshape", projected, split), perm=order)

    # The 1/√width of the scores is folded into the query's weights.
    query = heads("query", (0, 2, 1, 3), 1 / math.sqrt(width))
    key = heads("key", (0, 2, 3, 1))
    value = heads("value", (0, 2, 1, 3))
    scores = graph.add("Add", graph.add("MatMul", query, key), bias)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    joined = graph.add("Transpose", mixed, perm=(0, 2, 1, 3))
    return graph.add("Reshape", joined, graph.integers(0, 0, shape.hidden))


def _linear(graph: _Graph, weights: _Weights, name: str, value: str, scale: float = 1.0) -> str:
    matrix = graph.weight(name + ".weight", weights[name + ".weight"].T * np.float32(scale))
    offset = graph.weight(name + ".bias", weights[name + ".bias"] * np.float32(scale))
    return graph.add("Add", graph.add("MatMul", value, matrix), offset)


def _layer_norm(graph: _Graph, weights: _Weights, shape: Architecture, name: str, value: str) -> str:
    gain = graph.weight(name + ".weight", weights[name + ".weight"])
    offset = graph.weight(name + ".bias", weights[name + ".bias"])
    return graph.add("LayerNormalization", value, gain, offset, axis=-1, epsilon=shape.layer_norm_epsilon)


def _pool(graph: _Graph, pooling: str, hidden: str) -> str:
    """(batch, tokens, hidden) → (batch, hidden); padding has no say in it."""
    if pooling == "cls":
        return graph.add("Gather", hidden, graph.integer(0), axis=1)
    mask = graph.add("Unsqueeze", graph.add("Cast", "attention_mask", to=TensorProto.FLOAT), graph.integers(2))
    if pooling == "max":
        hole = graph.add("Mul", graph.add("Sub", graph.scalar(1.0), mask), graph.scalar(-1e9))
        return graph.add(
            "ReduceMax", graph.add("Add", graph.add("Mul", hidden, mask), hole), graph.integers(1), keepdims=0
        )
    total = graph.add("ReduceSum", graph.add("Mul", hidden, mask), graph.integers(1), keepdims=0)
    count = graph.add("ReduceSum", mask, graph.integers(1), keepdims=0)
    return graph.add("Div", total, graph.add("Max", count, graph.scalar(1e-9)))
