"""The chosen engine without anything around it: what S5–S8 are measured against."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from shared.model.artifacts import ArtefactCache
from shared.model.config import model_config
from shared.model.engine import Engine, PreparedText
from shared.model.engines import load_engine
from shared.model.tokens import ModelTokenizer
from shared.settings import load_settings

_FOLDER: Final = Path(tempfile.gettempdir()) / "seoga-bench-model"


def encode_raw(engine: Engine, texts: Sequence[str]) -> None:
    """One loop: sorted by length, in the engine's own batches, on its own number of threads."""
    prepared = sorted(engine.prepare(texts), key=lambda text: len(text.ids), reverse=True)
    batches: list[list[PreparedText]] = []
    for text in prepared:
        if not batches or len(batches[-1][0].ids) * (len(batches[-1]) + 1) > engine.batch_tokens:
            batches.append([])
        batches[-1].append(text)
    with ThreadPoolExecutor(engine.streams) as pool:
        for _ in pool.map(engine.run, batches):
            pass


def raw_engine() -> Engine:
    """The engine of today's settings, loaded."""
    config = model_config(load_settings())
    return load_engine(config, ArtefactCache(_FOLDER), lambda: ModelTokenizer(config)).engine
