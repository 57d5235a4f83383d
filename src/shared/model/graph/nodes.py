"""An ONNX graph as it is written, node by node, and what comes after any encoder: pooling and normalisation.

Pooling and normalisation are as sentence-transformers does them (Reimers & Gurevych 2019, arXiv:1908.10084).
Standard operators, so that any runtime can fuse them as it likes; but for matrices in blocks of four bits.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from shared.model.files.e5s1 import Blocks

OPSET: Final = 20
MICROSOFT: Final = "com.microsoft"
"""The domain of ONNX Runtime's own operators; OpenVINO knows some of them."""
# Reductions and Unsqueeze take their axes as an input since these versions of the operator set.
_AXES_AS_INPUT: Final = {"ReduceSum": 13, "Unsqueeze": 13, "ReduceMax": 18, "ReduceL2": 18}

Array = npt.NDArray[np.float32]


class OnnxGraph:
    """Collects nodes and initialisers; every method returns the name of what it made."""

    def __init__(self, *, opset: int = OPSET, prefix: str = "") -> None:
        """`prefix` goes before every name, so that nodes can be added to another graph."""
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: list[onnx.TensorProto] = []
        self._opset = opset
        self._prefix = prefix
        self._constants: dict[tuple[str, bytes], str] = {}
        self._count = 0

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """One node of one output."""
        self._count += 1
        name = output or f"{self._prefix}{operator.lower()}_{self._count}"
        self.nodes.append(
            helper.make_node(
                operator, list(inputs), [name], name=f"{self._prefix}{operator}_{self._count}", **attributes
            )
        )
        return name

    def over(self, operator: str, value: str, *axes: int, **attributes: Any) -> str:
        """A reduction or Unsqueeze over these axes, written as the operator set wants it."""
        if self._opset >= _AXES_AS_INPUT[operator]:
            return self.add(operator, value, self.integers(*axes), **attributes)
        return self.add(operator, value, axes=list(axes), **attributes)

    def weight(self, name: str, value: npt.NDArray[Any]) -> str:
        """A named tensor."""
        self.initialisers.append(numpy_helper.from_array(np.ascontiguousarray(value), self._prefix + name))
        return self._prefix + name

    def scalar(self, value: float) -> str:
        """A float32."""
        return self._constant(np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """A list of int64."""
        return self._constant(np.array(values, dtype=np.int64))

    def integer(self, value: int) -> str:
        """An int64."""
        return self._constant(np.array(value, dtype=np.int64))

    def _constant(self, value: npt.NDArray[Any]) -> str:
        key = (f"{value.dtype}{value.shape}", value.tobytes())
        if key not in self._constants:
            self._constants[key] = f"{self._prefix}constant_{len(self._constants)}"
            self.initialisers.append(numpy_helper.from_array(value, self._constants[key]))
        return self._constants[key]


def gather_blocks(graph: OnnxGraph, name: str, table: Blocks, rows: str) -> str:
    """(batch, tokens) → (batch, tokens, columns) float32: rows of a table that stays in blocks of four bits.

    Only the rows that are asked for are unpacked, with operators that every runtime has (ONNX Runtime's own
    GatherBlockQuantized is unknown to OpenVINO): a byte is high × 16 + low, and both are exact in bf16 too.
    """
    count, blocks, half = table.nibbles.shape
    packed = graph.weight(f"{name}.nibbles", table.nibbles.reshape(count, blocks * half))
    scales = graph.weight(f"{name}.scales", table.scales)
    bytes_ = graph.add("Cast", graph.add("Gather", packed, rows, axis=0), to=TensorProto.FLOAT)
    bytes_ = graph.add("Reshape", bytes_, graph.integers(0, 0, blocks, half))
    high = graph.add("Floor", graph.add("Mul", bytes_, graph.scalar(1 / 16)))
    low = graph.add("Sub", bytes_, graph.add("Mul", high, graph.scalar(16.0)))
    signed = graph.add("Sub", graph.add("Concat", low, high, axis=3), graph.scalar(8.0))
    scale = graph.over(
        "Unsqueeze", graph.add("Cast", graph.add("Gather", scales, rows, axis=0), to=TensorProto.FLOAT), 3
    )
    return graph.add("Reshape", graph.add("Mul", signed, scale), graph.integers(0, 0, blocks * half * 2))


def multiply_blocks(graph: OnnxGraph, name: str, value: str, matrix: Blocks, *, scale: float) -> str:
    """(…, inputs) → (…, outputs): by a matrix of (outputs, inputs) in blocks of four bits, times `scale`.

    Computed in floats, exactly as with the matrix unpacked. Measured on two cores with AVX2, ONNX Runtime and OpenVINO:
    as fast as that within 10 %, and 100 MB less. Activations of eight bits (accuracy_level 4) were slower there.
    """
    outputs, blocks, half = matrix.nibbles.shape
    numbers = np.concatenate([matrix.nibbles & 15, matrix.nibbles >> 4], axis=-1)
    # The operator has neighbours in one byte, the first in its low half.
    packed = graph.weight(f"{name}.nibbles", numbers[..., 0::2] | (numbers[..., 1::2] << 4))
    scales = graph.weight(f"{name}.scales", matrix.scales.astype(np.float32) * np.float32(scale))
    sizes = {"K": blocks * half * 2, "N": outputs, "bits": 4, "block_size": half * 2, "accuracy_level": 1}
    return graph.add("MatMulNBits", value, packed, scales, domain=MICROSOFT, **sizes)


def pool(graph: OnnxGraph, pooling: str, hidden: str) -> str:
    """(batch, tokens, hidden) → (batch, hidden); padding has no say in it."""
    if pooling == "cls":
        return graph.add("Gather", hidden, graph.integer(0), axis=1)
    mask = graph.over("Unsqueeze", graph.add("Cast", "attention_mask", to=TensorProto.FLOAT), 2)
    if pooling == "max":
        hole = graph.add("Mul", graph.add("Sub", graph.scalar(1.0), mask), graph.scalar(-1e9))
        return graph.over("ReduceMax", graph.add("Add", graph.add("Mul", hidden, mask), hole), 1, keepdims=0)
    total = graph.over("ReduceSum", graph.add("Mul", hidden, mask), 1, keepdims=0)
    count = graph.over("ReduceSum", mask, 1, keepdims=0)
    return graph.add("Div", total, graph.add("Max", count, graph.scalar(1e-9)))


def normalise(graph: OnnxGraph, pooled: str) -> str:
    """Every row made of length 1."""
    length = graph.over("ReduceL2", pooled, 1, keepdims=1)
    return graph.add("Div", pooled, graph.add("Max", length, graph.scalar(1e-12)))


def inputs() -> list[onnx.ValueInfoProto]:
    """`input_ids`, `attention_mask`: int64, (batch, tokens), both axes free; mask 1 = read."""
    axes = ("batch", "tokens")
    return [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in ("input_ids", "attention_mask")]


def output(dimension: int) -> onnx.ValueInfoProto:
    """`sentence_embedding`: float32, (batch, dimension)."""
    return helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ("batch", dimension))
