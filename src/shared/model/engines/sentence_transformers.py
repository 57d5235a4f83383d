"""The reference engine: sentence-transformers on torch. Runs every model that library runs, at its cost; and GPUs."""

import importlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice, PreparedText
from shared.model.engines.cores import usable_cores
from shared.model.files.config import ModelConfig
from shared.model.files.tokens import ModelTokenizer
from shared.ports.model import Vectors

_BATCH_TOKENS: Final = 2048
# A GPU is idle with less.
_BATCH_TOKENS_CUDA: Final = 16_384


class SentenceTransformerEngine:
    """Engine (engine.py) that gives the texts, not our tokens, to the library: it is what others are judged by."""

    choice: ClassVar[EngineChoice] = EngineChoice("sentence-transformers", "fp32")
    streams: ClassVar[int] = 1

    def __init__(self, config: ModelConfig, tokenizer: ModelTokenizer) -> None:
        """Imports torch and loads the model (seconds, 0.5 GB). Raises Unavailable."""
        _refuse_pickles(config)
        try:
            torch: Any = importlib.import_module("torch")
            library: Any = importlib.import_module("sentence_transformers")
        except ImportError as error:
            raise Unavailable(
                "SEOGA_MODEL_ENGINE is 'sentence-transformers', which is not installed here: "
                "`pip install -r requirements/reference.txt` installs it.",
                retry_after_seconds=60,
            ) from error
        self.device = _device(config, torch)
        self.batch_tokens = config.batch_tokens or (_BATCH_TOKENS if self.device == "cpu" else _BATCH_TOKENS_CUDA)
        torch.set_num_threads(config.threads or usable_cores())
        try:
            self._model: Any = library.SentenceTransformer(
                str(config.folder),
                device=self.device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except Exception as error:  # whatever the model's files provoke in three libraries
            raise Unavailable(f"sentence-transformers cannot load '{config.folder}': {error}.") from error
        _refuse_random(self._model[0].auto_model, config)
        self._tokenizer = tokenizer
        self._lock = threading.Lock()

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """With the model's own tokenizer, in order."""
        return self._tokenizer.prepare(texts)

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        """Row i is the vector of text i. One at a time: the library's tokenizer changes while it works."""
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
        """Gives the memory back; no other call follows."""
        self._model = None


def _device(config: ModelConfig, torch: Any) -> str:
    """The GPU where torch sees one, unless the settings say cpu."""
    if config.device == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if config.device == "cuda":
        raise Unavailable(
            "SEOGA_MODEL_DEVICE was 'cuda': torch sees no GPU here. Here it may be `auto` or `cpu`.",
            retry_after_seconds=60,
        )
    return "cpu"


def _refuse_random(network: Any, config: ModelConfig) -> None:
    """The library fills what the weights' files lack with random numbers and goes on: vectors that mean nothing."""
    names = {_usual(name) for file in config.transformer_folder.glob("*.safetensors") for name in _tensors_of(file)}
    held = dict(network.state_dict(keep_vars=True))
    given = {name for name in held if any(known == name or known.endswith(f".{name}") for known in names)}
    places = {held[name].data_ptr() for name in given}
    # One tensor may have two names, and nobody here asks the pooler of BERT.
    lacking = [
        name
        for name in held
        if name not in given and held[name].data_ptr() not in places and not name.startswith("pooler.")
    ]
    if lacking:
        raise Unavailable(
            f"The weights of the model in '{config.folder}' lack {len(lacking)} tensors that its config.json asks "
            f"for, such as {lacking[0]}."
        )


def _tensors_of(file: Path) -> list[str]:
    """Names in the header: eight bytes of its length, little-endian, then JSON (the safetensors format)."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header: dict[str, Any] = json.loads(opened.read(length))
    return [name for name in header if name != "__metadata__"]


def _usual(name: str) -> str:
    """Older checkpoints name a layer norm's weight gamma and its bias beta."""
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _refuse_pickles(config: ModelConfig) -> None:
    """The library would unpickle what has no safetensors; a pickle runs whatever its author wants."""
    if not any(config.transformer_folder.glob("*.safetensors")):
        raise Unavailable(
            f"The model has no '{config.transformer_folder / 'model.safetensors'}': Seoga reads weights from "
            "safetensors only."
        )
    folders = (config.folder, *(path for path in config.folder.iterdir() if path.is_dir()))
    for folder in folders:
        if (folder / "pytorch_model.bin").is_file() and not _has_safetensors(folder):
            raise Unavailable(f"The model's '{folder / 'pytorch_model.bin'}' is a pickle, which Seoga does not read.")


def _has_safetensors(folder: Path) -> bool:
    return any(folder.glob("*.safetensors"))
