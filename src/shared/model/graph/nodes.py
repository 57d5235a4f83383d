"""An ONNX graph as it is written, node by node, and what comes after any encoder: pooling and normalisation.

Pooling and normalisation are as sentence-transformers does them (Reimers & Gurevych 2019, arXiv:1908.10084).
Standard operators only, so that any runtime can fuse them as it likes.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 20
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
