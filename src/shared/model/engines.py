"""From a configuration to an engine that answers: built or found on disk, loaded, and tried once."""

import hashlib
import importlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from shared.kernel import Unavailable
from shared.model.artifacts import ArtefactCache, Origin
from shared.model.build_graph import GRAPH_FILE, build_in_child
from shared.model.config import EngineName, ModelConfig
from shared.model.engine import Engine
from shared.model.tokens import ModelTokenizer

# Counted up when the builder's graph changes, so that older artefacts are built again.
BUILDER_VERSION: Final = 1
_TRIED: Final = ("A tariff is a tax on imports.", "관세는 수입품에 매기는 세금이다.")


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """An engine that has passed its trial."""

    engine: Engine
    artefact: Origin | None
    """How the disk cache served it; None for an engine that uses none."""


Tokenizers = Callable[[], ModelTokenizer]
"""Gives the one tokenizer of the process, loading it at the first call."""


def load_engine(config: ModelConfig, artefacts: ArtefactCache, tokenizer: Tokenizers) -> LoadedEngine:
    """Blocks a second or two the first time, 0.3 s after. Raises Unavailable saying what is missing."""
    loaded = _LOADERS[config.engine](config, artefacts, tokenizer)
    try:
        _try_out(loaded.engine, config)
    except BaseException:
        loaded.engine.close()
        raise
    return loaded


def _load_onnx(config: ModelConfig, artefacts: ArtefactCache, tokenizer: Tokenizers) -> LoadedEngine:
    if not config.weights.is_file():
        raise Unavailable(f"The model has no '{config.weights}': Seoga reads weights from safetensors only.")
    # The import and the check of the artefact's hash take 0.1 s each and keep different cores busy.
    importing = threading.Thread(target=_import_runtime, name="model-import", daemon=True)
    importing.start()
    found = artefacts.get(
        artefact_key(config, artefacts.content_sha256(config.weights)),
        lambda folder: build_in_child(config, folder),
        timeout_seconds=config.load_timeout_seconds,
    )
    importing.join()
    from shared.model.onnx_engine import OnnxEngine

    return LoadedEngine(OnnxEngine(found.folder / GRAPH_FILE, config, tokenizer()), found.origin)


def _load_reference(config: ModelConfig, artefacts: ArtefactCache, tokenizer: Tokenizers) -> LoadedEngine:
    from shared.model.sentence_transformer_engine import SentenceTransformerEngine

    return LoadedEngine(SentenceTransformerEngine(config, tokenizer()), None)


_LOADERS: Final[dict[EngineName, Callable[[ModelConfig, ArtefactCache, Tokenizers], LoadedEngine]]] = {
    "onnx": _load_onnx,
    "sentence-transformers": _load_reference,
}


def artefact_key(config: ModelConfig, weights_sha256: str) -> str:
    """Names what is built: other weights, shape, builder, engine or precision are another artefact."""
    parts = {
        "weights": weights_sha256,
        "architecture": asdict(config.architecture),
        "pooling": config.pooling,
        "normalise": config.normalise,
        "builder": BUILDER_VERSION,
        "engine": config.engine,
        "precision": config.precision,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _import_runtime() -> None:
    try:
        importlib.import_module("onnxruntime")
    except Exception:
        return  # the engine's own import says it again, where it can be told


def _try_out(engine: Engine, config: ModelConfig) -> None:
    """Two texts: an engine that gives another shape, NaN or zeros must never be asked by anyone else."""
    try:
        vectors = engine.run(engine.prepare(_TRIED))
    except Exception as error:
        raise Unavailable(f"The model was loaded but does not run: {error}.") from error
    if vectors.shape != (len(_TRIED), config.dimension):
        raise Unavailable(f"The model gives vectors of shape {vectors.shape[1:]}, its files say {config.dimension}.")
    if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
        raise Unavailable("The model was loaded but gives vectors that are not numbers, or all zero.")
