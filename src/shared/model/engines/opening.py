"""From a configuration to an engine that answers: built or found on disk, loaded, and tried once."""

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from shared.kernel import Unavailable
from shared.mapped_files import give_back_read
from shared.model.engine import Engine, EngineChoice
from shared.model.engines.runnable import runnable_choices, why_not
from shared.model.files.artefact_cache import ArtefactCache, Origin
from shared.model.files.config import ModelConfig
from shared.model.files.pinned import weights_sha256
from shared.model.files.supported import not_buildable, own_onnx
from shared.model.files.tokens import ModelTokenizer
from shared.model.graph.building import GRAPH_FILE, OPENVINO_FILE, build_in_child
from shared.shortages import start_thread

__all__ = ["LoadedEngine", "Tokenizers", "artefact_key", "load_engine", "runnable_choices"]

# Counted up when what is built changes, so that older artefacts are built again.
BUILDER_VERSION: Final = 4
_TRIED: Final = ("A tariff is a tax on imports.", "관세는 수입품에 매기는 세금이다.")
_EXACT: Final = EngineChoice("onnx", "fp32")
_ENGINES: Final = "shared.model.engines"


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """An engine that has passed its trial."""

    engine: Engine
    artefact: Origin | None
    """How the disk cache served it; None for an engine that uses none."""


Tokenizers = Callable[[], ModelTokenizer]
"""Gives the one tokenizer of the process, loading it at the first call."""


def load_engine(
    config: ModelConfig, choice: EngineChoice, artefacts: ArtefactCache, tokenizer: Tokenizers
) -> LoadedEngine:
    """Exactly that engine. Blocks one to three seconds the first time, 0.3 s after.

    Raises Unavailable saying what is missing, or why this choice cannot run here.
    """
    if reason := why_not(config, choice):
        raise Unavailable(reason, retry_after_seconds=60)
    if choice.engine == "sentence-transformers":
        from shared.model.engines.sentence_transformers import SentenceTransformerEngine

        loaded = LoadedEngine(SentenceTransformerEngine(config, tokenizer()), None)
    else:
        loaded = _load_built(config, choice, artefacts, tokenizer)
    try:
        _try_out(loaded.engine, config)
    except BaseException:
        loaded.engine.close()
        raise
    return loaded


def _load_built(
    config: ModelConfig, choice: EngineChoice, artefacts: ArtefactCache, tokenizer: Tokenizers
) -> LoadedEngine:
    # The import and the check of the artefact's hash take 0.05 s each and keep different cores busy.
    module = "openvino" if choice.engine == "openvino" else "onnx_runtime"
    importing = start_thread(_import, f"{_ENGINES}.{module}", name="model-import")
    built = _built_for(choice)
    found = artefacts.get(
        artefact_key(config, choice, weights_sha256(config, artefacts)),
        lambda folder: build_in_child(config, built, folder),
        timeout_seconds=config.load_timeout_seconds,
    )
    importing.join()
    if choice.engine == "openvino":
        from shared.model.engines.openvino import OpenVinoEngine

        file = OPENVINO_FILE if choice.precision == "int8" else GRAPH_FILE
        engine: Engine = OpenVinoEngine(found.folder / file, config, choice, tokenizer())
    else:
        from shared.model.engines.onnx_runtime import OnnxEngine

        engine = OnnxEngine(found.folder / GRAPH_FILE, config, choice, tokenizer())
    # It has made weights of its own, in the layout that it computes with.
    give_back_read(found.folder)
    return LoadedEngine(engine, found.origin)


def artefact_key(config: ModelConfig, choice: EngineChoice, weights: str) -> str:
    """Names what is built: other weights (by their SHA-256), shape, builder, engine or precision are another artefact.

    The exact graph is one for ONNX Runtime and for OpenVINO, which makes bf16 of it itself.
    """
    built = _built_for(choice)
    own = own_onnx(config) if not_buildable(config) else None
    stat = own.stat() if own else None
    parts = {
        "weights": weights,
        "architecture": asdict(config.architecture),
        "pooling": config.pooling,
        "normalise": config.normalise,
        "builder": BUILDER_VERSION,
        "engine": built.engine,
        "precision": built.precision,
        # Its weights may lie in another file, the one that was hashed.
        "own": [stat.st_size, stat.st_mtime_ns] if stat else None,
        **({} if config.head is None else {"head": asdict(config.head)}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _built_for(choice: EngineChoice) -> EngineChoice:
    return choice if choice.precision == "int8" else _EXACT


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
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
