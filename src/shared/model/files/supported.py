"""Which models can be made into a graph: by our builder, or from the ONNX file they bring. Imports nothing heavy."""

from pathlib import Path
from typing import Final

from shared.model.files.config import ModelConfig

# camembert and xlm-roberta compute what roberta computes.
ROBERTA_KIND: Final = frozenset({"roberta", "xlm-roberta", "camembert"})
FAMILIES: Final = ROBERTA_KIND | {"bert", "distilbert", "mpnet"}
POOLINGS: Final = frozenset({"mean", "cls", "max"})
# Before the last linear layer of a cross-encoder's head: the layer there, and the last one itself.
_ROBERTA_HEAD: Final = ("classifier.dense", "classifier.out_proj")
HEADS: Final = {"bert": ("pooler.dense", "classifier"), **dict.fromkeys(sorted(ROBERTA_KIND), _ROBERTA_HEAD)}
# The model's name of the activation → ONNX Gelu's `approximate`; "" is ReLU.
ACTIVATIONS: Final = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh", "relu": ""}


def weights_of(config: ModelConfig) -> Path | None:
    """The file that our builder reads the weights from, if it is there."""
    path = config.weights if config.in_blocks else config.transformer_folder / "model.safetensors"
    return path if path.is_file() else None


def own_onnx(config: ModelConfig) -> Path | None:
    """The ONNX file that the model brings, as sentence-transformers looks for it."""
    for path in (config.folder / "onnx" / "model.onnx", config.transformer_folder / "model.onnx"):
        if path.is_file():
            return path
    return None


def not_buildable(config: ModelConfig) -> str:
    """Why our builder has no graph for this model, as a part of a sentence; "" where it has one."""
    shape = config.architecture
    checks = (
        ("kind", shape.model_type, shape.model_type in FAMILIES),
        ("position embedding", shape.position_embedding, shape.position_embedding == "absolute"),
        ("activation", shape.activation, shape.activation in ACTIVATIONS),
        *_after_the_encoder(config),
    )
    said = [f"its {what} is {value or 'not given'}" for what, value, good in checks if not good]
    if weights_of(config) is None:
        said.append("it has no model.safetensors")
    return "; ".join(said)


def not_runnable(config: ModelConfig) -> str:
    """Why no graph of any source exists for it, as a part of a sentence; "" where one does."""
    if own_onnx(config) is None:
        reason = not_buildable(config)
        return f"{reason}; it has no onnx/model.onnx" if reason else ""
    wrong = [f"its {what} is {value or 'not given'}" for what, value, good in _after_the_encoder(config) if not good]
    return "; ".join(wrong)


def _after_the_encoder(config: ModelConfig) -> tuple[tuple[str, str, bool], ...]:
    return (
        ("pooling", config.pooling, config.pooling in POOLINGS),
        ("list of modules", ", ".join(config.other_modules), not config.other_modules),
    )
