"""Graphs with weights of eight bits; runs in the child that builds.

ONNX Runtime: weights with a scale per output channel, activations per tensor as they come. OpenVINO: weights with
a scale per 128 inputs of each output channel; it quantises activations itself, per token and 128 channels.
"""

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

# Measured with MiniLM on a processor with VNNI, OpenVINO: group of weights/activations, milliseconds for 528 tokens on
# one core, cosine to fp32 on paragraphs (mean, worst) and on odd texts (worst: the empty one).
#   channel/128  40.0  .9989  .9980  .994      64/64        43.7  .9995  .9993  .998
#   128/128      39.9  .9992  .9985  .995      32/32        50.7  .9997  .9995  .999
# fp32 takes 87.9; a group of weights smaller than the activations' is not computed in int8 at all.
GROUP: Final = 128
# Tables with fewer rows (positions) gain nothing.
_MANY_ROWS: Final = 1024


def quantise_onnx(graph: Path, target: Path) -> None:
    """Writes the graph with int8 weights, its large tensors beside it."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # It recommends a preparation that is for convolutions.
    logging.getLogger().setLevel(logging.ERROR)
    quantize_dynamic(
        str(graph), str(target), per_channel=True, weight_type=QuantType.QInt8, use_external_data_format=True
    )


def quantise_openvino(graph: Path, target: Path) -> None:
    """Writes OpenVINO's own format (`target` ends in .xml, its .bin lies beside it) with int8 weights and words."""
    import openvino

    model = openvino.Core().read_model(str(graph))
    for node in model.get_ordered_ops():
        if node.get_type_name() == "MatMul":
            _quantise_product(node)
        elif node.get_type_name() == "Gather":
            _quantise_table(node)
    openvino.save_model(model, str(target), compress_to_fp16=False)


def _quantise_product(node: Any) -> None:
    """MatMul(x, weights): the weights as int8 × scale, in groups where they divide into them."""
    from openvino import opset13 as operators

    weights = _constant(node.input_value(1))
    if weights is None:
        return
    attributes = node.get_attributes()
    matrix = weights if attributes["transpose_b"] else weights.T
    outputs, inputs = matrix.shape
    grouped = inputs % GROUP == 0
    whole = matrix.reshape(outputs, inputs // GROUP, GROUP) if grouped else matrix
    quantised, scale = _eight_bits(whole)
    value = operators.multiply(operators.convert(operators.constant(quantised), np.float32), operators.constant(scale))
    if grouped:
        value = operators.reshape(value, np.array([outputs, inputs]), False)
    product = operators.matmul(node.input_value(0), value, attributes["transpose_a"], True)
    node.output(0).replace(product.output(0))


def _quantise_table(node: Any) -> None:
    """Gather(table, rows): each row as int8 × its scale; only the rows that are read become float32."""
    from openvino import opset13 as operators

    table = _constant(node.input_value(0))
    if table is None or len(table) < _MANY_ROWS:
        return
    axis = node.input_value(2).get_node()
    if axis.get_type_name() != "Constant" or int(axis.data) != 0:
        return
    quantised, scale = _eight_bits(table)
    rows, axis = node.input_value(1), operators.constant(np.int64(0))
    values = operators.convert(operators.gather(operators.constant(quantised), rows, axis), np.float32)
    scales = operators.gather(operators.constant(scale), rows, axis)
    node.output(0).replace(operators.multiply(values, scales).output(0))


def _constant(output: Any) -> npt.NDArray[Any] | None:
    """The float32 matrix that this output is, if it is one."""
    node = output.get_node()
    if node.get_type_name() != "Constant":
        return None
    value: npt.NDArray[Any] = node.data
    return value if value.ndim == 2 and value.dtype == np.float32 else None


def _eight_bits(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Symmetric over the last axis: int8 and the scale (last axis 1) that gives the values back."""
    scale = (np.abs(values).max(axis=-1, keepdims=True) / 127).astype(np.float32)
    scale[scale == 0] = 1
    return np.clip(np.round(values / scale), -127, 127).astype(np.int8), scale
