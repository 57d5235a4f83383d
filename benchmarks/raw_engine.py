"""The chosen engine without anything around it: what S5–S8 are measured against."""

import tempfile
import threading
from pathlib import Path
from typing import Final

from shared.model.embedding.fallback import load_best
from shared.model.engine import Engine, EngineChoice
from shared.model.engines.opening import load_engine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, model_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.tuning.comparing import CheckLimits, measure_engines, read_table
from shared.model.tuning.measuring import encode_in_bulk
from shared.settings import load_settings

_FOLDER: Final = Path(tempfile.gettempdir()) / "seoga-bench-model"

encode_raw = encode_in_bulk
"""The one loop that engines are compared with, too."""


def model_cache() -> Path:
    """A folder of built models with the comparison of engines done: what a server has after its first minute."""
    _prepare()
    return _FOLDER


def raw_engine() -> Engine:
    """The engine of today's settings, loaded: where they leave it open, the fastest here, measured at need."""
    config, artefacts = _prepare()
    return load_best(config, artefacts, lambda: ModelTokenizer(config), report=print).engine


def exact_engine() -> Engine:
    """The same model in fp32, which computes what the reference computes."""
    config, artefacts = _prepare()
    return load_engine(config, EngineChoice("onnx", "fp32"), artefacts, lambda: ModelTokenizer(config)).engine


def _prepare() -> tuple[ModelConfig, ArtefactCache]:
    settings = load_settings()
    config, artefacts = model_config(settings), ArtefactCache(_FOLDER)
    if config.engine == "auto" and read_table(config, artefacts) is None:
        limits = CheckLimits(settings.model_check_mean, settings.model_check_worst)
        measure_engines(config, artefacts, limits=limits, cancelled=threading.Event())
    return config, artefacts
