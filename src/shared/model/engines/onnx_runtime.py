"""The engine that runs everywhere: the built graph on ONNX Runtime, fp32 or int8, on the CPU."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import onnxruntime

from shared.kernel import Unavailable
from shared.model.engine import EngineChoice, PreparedText
from shared.model.engines.cores import usable_cores
from shared.model.files.config import ModelConfig
from shared.model.files.tokens import ModelTokenizer, padded
from shared.ports.model import Vectors

# Measured on two cores (texts of 20/100/180 words a second): batches of 512 padded tokens 365/83/46, of 2,048
# 300/68/37, of 4,096 258/58/32 — what a small batch touches stays in the processor's caches.
_BATCH_TOKENS: Final = 512
# Two runs of one thread each gave 365/83/46 where one run on two threads gave 310/82/43, and they lose less when
# parsers want the same cores. More than four runs would hold more memory than they gain.
_MOST_STREAMS: Final = 4
_ERRORS_ONLY: Final = 3


class OnnxEngine:
    """Engine (engine.py) over one session, which several threads may run at once."""

    device: ClassVar[str] = "cpu"

    def __init__(self, graph: Path, config: ModelConfig, choice: EngineChoice, tokenizer: ModelTokenizer) -> None:
        """Loads the graph (about 0.1 s). Raises Unavailable."""
        self.choice = choice
        self.batch_tokens = config.batch_tokens or _BATCH_TOKENS
        cores = usable_cores()
        threads = config.threads or max(1, cores // min(cores, _MOST_STREAMS))
        self.streams = max(1, min(_MOST_STREAMS, cores // threads))
        self._tokenizer = tokenizer
        self._dimension = config.dimension
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # The arena keeps the largest batch's memory for ever (+130 MB after bulk work) and gains no speed.
        options.enable_cpu_mem_arena = False
        try:
            self._session: Any = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's exceptions share no class of their own
            raise Unavailable(f"ONNX Runtime cannot load the model: {error}.") from error

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """With the model's own tokenizer, in order."""
        return self._tokenizer.prepare(texts)

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        """Row i is the vector of text i; without the GIL."""
        ids, mask = padded(batch)
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        result: Vectors = vectors
        return result

    def close(self) -> None:
        """Gives the memory back; no other call follows."""
        self._session = None
