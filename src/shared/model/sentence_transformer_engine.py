"""The reference engine: sentence-transformers on torch. Runs every model that library runs, at its cost."""

import importlib
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from shared.kernel import Unavailable
from shared.model.config import ModelConfig
from shared.model.cores import usable_cores
from shared.model.engine import PreparedText
from shared.model.tokens import ModelTokenizer
from shared.ports.model import Vectors


class SentenceTransformerEngine:
    """Engine (engine.py) that gives the texts, not our tokens, to the library: it is what others are judged by."""

    name: ClassVar[str] = "sentence-transformers"
    precision: ClassVar[str] = "fp32"
    streams: ClassVar[int] = 1
    batch_tokens: ClassVar[int] = 2048

    def __init__(self, config: ModelConfig, tokenizer: ModelTokenizer) -> None:
        """Imports torch and loads the model (seconds, 0.5 GB). Raises Unavailable."""
        if not config.weights.is_file():
            raise Unavailable(f"The model has no '{config.weights}': Seoga reads weights from safetensors only.")
        try:
            torch: Any = importlib.import_module("torch")
            library: Any = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise Unavailable(
                "SEOGA_MODEL_ENGINE is 'sentence-transformers', which is not installed here: "
                "`pip install -r requirements/reference.txt` installs it.",
                retry_after_seconds=60,
            ) from error
        torch.set_num_threads(config.threads or usable_cores())
        try:
            self._model: Any = library.SentenceTransformer(
                str(config.folder), device="cpu", local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # whatever the model's files provoke in three libraries
            raise Unavailable(f"sentence-transformers cannot load '{config.folder}': {error}.") from error
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """See Engine."""
        return self._tokenizer.prepare(texts)

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        """See Engine. One at a time: the library's tokenizer changes while it works."""
        with self._lock:
            vectors = self._model.encode(
                # A lone surrogate, legal in JSON, would make the library refuse the whole batch.
                [item.text.encode("utf-8", "replace").decode("utf-8") for item in batch],
                batch_size=len(batch),
                prompt="",  # ours is in the text already
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def close(self) -> None:
        """See Engine."""
        self._model = None
