"""The ONNX file that a model brings, given our inputs and our output; runs in the child that builds."""

from pathlib import Path
from typing import Any, Final

import onnx
from onnx import TensorProto, compose, helper

from shared.model.files.config import ModelConfig
from shared.model.files.supported import not_runnable
from shared.model.graph.nodes import OnnxGraph, inputs, normalise, output, pool
from shared.model.graph.weights import UnsupportedArchitecture

# What exporters call the vectors of all tokens; the last one is pooled already.
_OUTPUTS: Final = ("last_hidden_state", "token_embeddings", "sentence_embedding")
_OWN: Final = "own/"


def wrap_own_graph(path: Path, config: ModelConfig) -> onnx.ModelProto:
    """The file's graph with the inputs and the output of nodes.py, pooled and normalised as the model's JSON says.

    Raises UnsupportedArchitecture for a graph with other inputs or outputs, and what onnx raises for a damaged file.
    """
    if reason := not_runnable(config):
        raise UnsupportedArchitecture(reason)
    model = compose.add_prefix(onnx.load(str(path)), _OWN)
    body = model.graph
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    before, after = OnnxGraph(opset=opset, prefix="in/"), OnnxGraph(opset=opset, prefix="out/")
    weights = {tensor.name for tensor in body.initializer}
    for wanted in body.input:
        if wanted.name not in weights:
            _feed(before, wanted.name.removeprefix(_OWN), wanted.type.tensor_type.elem_type)
    given = {value.name.removeprefix(_OWN): value for value in body.output}
    name = next((name for name in _OUTPUTS if name in given), None)
    if name is None:
        raise UnsupportedArchitecture(f"its ONNX file gives {', '.join(given)}; one of {', '.join(_OUTPUTS)} is needed")
    vectors = after.add("Cast", _OWN + name, to=TensorProto.FLOAT)
    pooled = vectors if name == "sentence_embedding" else pool(after, config.pooling, vectors)
    if config.normalise:
        pooled = normalise(after, pooled)
    after.add("Identity", pooled, output="sentence_embedding")
    nodes = [*before.nodes, *body.node, *after.nodes]
    _replace(body.node, nodes)
    _replace(body.input, [*inputs(), *(value for value in body.input if value.name in weights)])
    _replace(body.output, [output(config.dimension)])
    body.initializer.extend([*before.initialisers, *after.initialisers])
    return model


def _feed(graph: OnnxGraph, name: str, element: int) -> None:
    """Our inputs under the graph's own names; every token is of type 0."""
    if name in ("input_ids", "attention_mask"):
        graph.add("Cast", name, to=element, output=_OWN + name)
    elif name == "token_type_ids":
        zero = helper.make_tensor("zero", element, [1], [0])
        graph.add("ConstantOfShape", graph.add("Shape", "input_ids"), value=zero, output=_OWN + name)
    else:
        raise UnsupportedArchitecture(f"its ONNX file wants the input '{name}'")


def _replace(field: Any, content: list[Any]) -> None:
    del field[:]
    field.extend(content)
