"""The encoder as one ONNX graph, written straight from the weights and what the model's files say.

BERT (Devlin et al. 2018, arXiv:1810.04805), RoBERTa and XLM-RoBERTa (arXiv:1907.11692, arXiv:1911.02116), DistilBERT
(arXiv:1910.01108), MPNet (arXiv:2004.09297). Runs in a child process: the server keeps neither onnx nor safetensors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from shared.model.files.config import Architecture, ModelConfig
from shared.model.files.supported import ACTIVATIONS, HEADS, ROBERTA_KIND, not_buildable
from shared.model.graph.nodes import (
    MICROSOFT,
    OPSET,
    OnnxGraph,
    gather_blocks,
    inputs,
    multiply_blocks,
    normalise,
    output,
    pool,
)
from shared.model.graph.weights import WORDS, UnsupportedArchitecture, weights_of

# −1e9 overflows to NaN in bf16; e^−10000 is 0 in every format.
_MASKED: Final = -1e4
# What MPNet's buckets end with: all that lies further away shares one (relative_position_bucket of transformers).
_FURTHEST: Final = 128


@dataclass(frozen=True, slots=True)
class _Names:
    """How a family calls its tensors; those of a layer follow `layer`."""

    layer: str = "encoder.layer."
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    attended: str = "attention.output.dense"
    attended_norm: str = "attention.output.LayerNorm"
    wide: str = "intermediate.dense"
    narrow: str = "output.dense"
    narrow_norm: str = "output.LayerNorm"


_BERT: Final = _Names()
_NAMES: Final = {
    "distilbert": _Names(
        layer="transformer.layer.",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        attended="attention.out_lin",
        attended_norm="sa_layer_norm",
        wide="ffn.lin1",
        narrow="ffn.lin2",
        narrow_norm="output_layer_norm",
    ),
    "mpnet": _Names(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attended="attention.attn.o",
        attended_norm="attention.LayerNorm",
    ),
}


class _Encoder:
    """One model on its way into a graph. `order` is how its hidden channels are put; any order computes the same."""

    def __init__(self, config: ModelConfig, *, sort_channels: bool, in_blocks: bool) -> None:
        self.graph = OnnxGraph()
        self._in_blocks = in_blocks
        self.shape: Architecture = config.architecture
        self._head = config.head
        self._weights = weights_of(config)
        self._names = _NAMES.get(self.shape.model_type, _BERT)
        self.order = self._by_size() if sort_channels else np.arange(self.shape.hidden)

    def hidden(self) -> str:
        """(batch, tokens, hidden): what the last layer gives."""
        bias = self._attention_bias()
        hidden = self._embeddings()
        for layer in range(self.shape.layers):
            hidden = self._layer(f"{self._names.layer}{layer}.", hidden, bias)
        return hidden

    def _by_size(self) -> npt.NDArray[np.int64]:
        """Channels with the largest values first, told by what layer norms multiply and add.

        A few channels are ten times larger than the rest (28 against 1.7 in MiniLM). Side by side, they spoil one
        group of an int8 quantiser and not all: worst cosine 0.9970 → 0.9980 with groups of 128.
        """
        size = np.zeros(self.shape.hidden)
        for layer in range(self.shape.layers):
            for norm in (self._names.attended_norm, self._names.narrow_norm):
                name = f"{self._names.layer}{layer}.{norm}"
                # Normalised values reach 2.5 often; the constant part is always there.
                size += 2.5 * np.abs(self._weights[name + ".weight"]) + np.abs(self._weights[name + ".bias"])
        return np.argsort(-size, kind="stable")

    def _attention_bias(self) -> str:
        """(batch, 1 or heads, 1 or tokens, tokens): 0 where the token is read, −1e4 where it is padding."""
        graph = self.graph
        mask = graph.over("Unsqueeze", graph.add("Cast", "attention_mask", to=TensorProto.FLOAT), 1, 2)
        bias = graph.add("Mul", graph.add("Sub", graph.scalar(1.0), mask), graph.scalar(_MASKED))
        if self.shape.model_type == "mpnet":
            bias = graph.add("Add", bias, self._relative_bias())
        return bias

    def _relative_bias(self) -> str:
        """(heads, tokens, tokens), by the distance from one token to the other: MPNet adds it in every layer."""
        graph = self.graph
        table = self._weights["encoder.relative_attention_bias.weight"]
        last = self.shape.positions - 1
        distances = np.arange(-last, last + 1)
        by_distance = graph.weight("relative_bias", table[_buckets(distances, len(table))].T)
        tokens = graph.add("Squeeze", graph.add("Shape", "input_ids", start=1, end=2))
        places = graph.add("Range", graph.integer(0), tokens, graph.integer(1))
        rows = graph.add("Sub", graph.over("Unsqueeze", places, 0), graph.over("Unsqueeze", places, 1))
        return graph.add("Gather", by_distance, graph.add("Add", rows, graph.integer(last)), axis=1)

    def _embeddings(self) -> str:
        graph = self.graph
        words = self._words()
        positions = self._weights["embeddings.position_embeddings.weight"]
        types = "embeddings.token_type_embeddings.weight"
        has_types = self._head is not None and self._head.separator >= 0
        if types in self._weights:
            # Where every token is of type 0, its vector joins the positions' once and for all.
            positions = positions + self._weights[types][0]
        if has_types:
            words = graph.add("Add", words, self._second_type(self._weights[types]))
        table = graph.weight("positions", positions[:, self.order])
        if self.shape.model_type in ROBERTA_KIND or self.shape.model_type == "mpnet":
            placed = graph.add("Gather", table, self._counted_positions())
        else:
            tokens = graph.add("Shape", "input_ids", start=1, end=2)
            placed = graph.add("Slice", table, graph.integers(0), tokens, graph.integers(0))
        return self._layer_norm("embeddings.LayerNorm", graph.add("Add", words, placed))

    def _second_type(self, types: npt.NDArray[np.float32]) -> str:
        """(batch, tokens, hidden): what type 1 has beyond type 0, for the tokens after the first separator; else 0."""
        graph, head = self.graph, self._head
        assert head is not None
        is_end = graph.add("Equal", "input_ids", graph.integer(head.separator))
        ends = graph.add("CumSum", graph.add("Cast", is_end, to=TensorProto.INT64), graph.integer(1), exclusive=1)
        table = graph.weight("second_type", np.stack([np.zeros_like(types[0]), types[1] - types[0]])[:, self.order])
        return graph.add("Gather", table, graph.add("Min", ends, graph.integers(1)))

    def scored(self, first: str) -> str:
        """(batch, 1): what the head makes of the first token's (batch, hidden)."""
        middle, last = HEADS[self.shape.model_type]
        middle_value = self.graph.add("Tanh", self._linear(middle, first, from_hidden=True))
        return self._linear(last, middle_value)

    def _words(self) -> str:
        """(batch, tokens, hidden): the vectors of the tokens themselves."""
        graph = self.graph
        blocks = self._weights.blocks(WORDS)
        if blocks is None:
            return graph.add("Gather", graph.weight("words", self._weights[WORDS][:, self.order]), "input_ids")
        words = gather_blocks(graph, "words", blocks, "input_ids")
        if np.array_equal(self.order, np.arange(self.shape.hidden)):
            return words
        return graph.add("Gather", words, graph.weight("sorted", self.order), axis=2)

    def _counted_positions(self) -> str:
        """(batch, tokens): padding is at `padding`, the tokens that are none count up from there.

        As transformers' create_position_ids_from_input_ids, but that what the mask hides is padding too, since
        batches are padded with any id.
        """
        graph, padding = self.graph, self.graph.integer(self.shape.padding)
        other = graph.add("Cast", graph.add("Not", graph.add("Equal", "input_ids", padding)), to=TensorProto.INT64)
        read = graph.add("Mul", other, "attention_mask")
        counted = graph.add("CumSum", read, graph.integer(1))
        return graph.add("Add", graph.add("Mul", counted, read), padding)

    def _layer(self, at: str, hidden: str, bias: str) -> str:
        graph, names = self.graph, self._names
        attended = self._linear(at + names.attended, self._attention(at, hidden, bias), to_hidden=True)
        hidden = self._layer_norm(at + names.attended_norm, graph.add("Add", attended, hidden))
        wide = self._linear(at + names.wide, hidden, from_hidden=True)
        approximate = ACTIVATIONS[self.shape.activation]
        wide = graph.add("Gelu", wide, approximate=approximate) if approximate else graph.add("Relu", wide)
        narrow = self._linear(at + names.narrow, wide, to_hidden=True)
        return self._layer_norm(at + names.narrow_norm, graph.add("Add", narrow, hidden))

    def _attention(self, at: str, hidden: str, bias: str) -> str:
        """Scaled dot-product attention over `heads` heads (Vaswani et al. 2017, arXiv:1706.03762)."""
        graph, names, heads = self.graph, self._names, self.shape.heads
        width = self.shape.hidden // heads
        split = graph.integers(0, 0, heads, width)

        def part(name: str, order: Sequence[int], scale: float = 1.0) -> str:
            projected = self._linear(at + name, hidden, scale=scale, from_hidden=True)
            return graph.add("Transpose", graph.add("Reshape", projected, split), perm=order)

        # The 1/√width of the scores is folded into the query's weights.
        query = part(names.query, (0, 2, 1, 3), 1 / math.sqrt(width))
        key = part(names.key, (0, 2, 3, 1))
        value = part(names.value, (0, 2, 1, 3))
        scores = graph.add("Add", graph.add("MatMul", query, key), bias)
        mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
        joined = graph.add("Transpose", mixed, perm=(0, 2, 1, 3))
        return graph.add("Reshape", joined, graph.integers(0, 0, self.shape.hidden))

    def _linear(
        self, name: str, value: str, *, scale: float = 1.0, from_hidden: bool = False, to_hidden: bool = False
    ) -> str:
        offset = self._weights[name + ".bias"] * np.float32(scale)
        blocks = self._weights.blocks(name + ".weight") if self._in_blocks else None
        if blocks is not None:
            product = multiply_blocks(self.graph, name + ".weight", value, blocks, scale=scale)
        else:
            matrix = self._weights[name + ".weight"].T * np.float32(scale)
            if from_hidden:
                matrix = matrix[self.order]
            if to_hidden:
                matrix, offset = matrix[:, self.order], offset[self.order]
            product = self.graph.add("MatMul", value, self.graph.weight(name + ".weight", matrix))
        return self.graph.add("Add", product, self.graph.weight(name + ".bias", offset))

    def _layer_norm(self, name: str, value: str) -> str:
        gain = self.graph.weight(name + ".weight", self._weights[name + ".weight"][self.order])
        offset = self.graph.weight(name + ".bias", self._weights[name + ".bias"][self.order])
        return self.graph.add("LayerNormalization", value, gain, offset, axis=-1, epsilon=self.shape.layer_norm_epsilon)


def build_graph(config: ModelConfig, *, sort_channels: bool = False, in_blocks: bool = False) -> onnx.ModelProto:
    """A model with the inputs and the output of nodes.py.

    `in_blocks` leaves matrices in blocks of four bits where the file has them so, instead of floats for a quantiser:
    the same values, 75 MB less. `sort_channels` puts large hidden channels side by side, for quantisers that work in
    groups; what it computes stays the same.

    Raises UnsupportedArchitecture, and KeyError or SafetensorError for a file that lacks or breaks a tensor.
    """
    if reason := not_buildable(config):
        raise UnsupportedArchitecture(reason)
    encoder = _Encoder(config, sort_channels=sort_channels, in_blocks=in_blocks)
    graph = encoder.graph
    pooled = pool(graph, config.pooling, encoder.hidden())
    if config.head is not None:
        pooled = encoder.scored(pooled)
    if config.normalise:
        pooled = normalise(graph, pooled)
    if sort_channels and config.head is None:
        pooled = graph.add("Gather", pooled, graph.weight("unsorted", np.argsort(encoder.order)), axis=1)
    graph.add("Identity", pooled, output="sentence_embedding")
    model = helper.make_model(
        helper.make_graph(graph.nodes, "encoder", inputs(), [output(config.dimension)], graph.initialisers),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)],
        producer_name="seoga",
    )
    model.ir_version = 10
    return model


def _buckets(distances: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """The bucket of each distance (key's place minus query's): near ones have their own, far ones share by logarithm.

    MPNetEncoder.relative_position_bucket of transformers (after T5, arXiv:1910.10683).
    """
    half = count // 2
    near = half // 2
    away = np.abs(distances)
    with np.errstate(divide="ignore"):
        far = near + (np.log(away.astype(np.float32) / near) / np.float32(math.log(_FURTHEST / near)) * (half - near))
    far = np.where(np.isfinite(far), far, 0).astype(np.int64)
    return np.where(distances > 0, half, 0) + np.where(away < near, away, np.minimum(far, half - 1))
