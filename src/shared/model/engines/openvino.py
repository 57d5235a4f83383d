"""The fastest engine on most x86 processors: the built graph on OpenVINO, in bf16, fp32 or int8, on the CPU."""

import contextlib
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from shared.free_memory import return_free_memory
from shared.kernel import Unavailable
from shared.lean_imports import without
from shared.model.engine import EngineChoice, PreparedText
from shared.model.engines.cores import usable_cores
from shared.model.files.config import ModelConfig
from shared.model.files.tokens import ModelTokenizer, padded
from shared.model.graph.quantising import GROUP
from shared.ports.model import Vectors

with without("openvino.tools"):  # converts models: half of the import (0.04 s, 5 MB), and it does without
    import openvino

# Measured on two cores, int8, texts of 20/100/180 words a second: batches of 256 padded tokens 862/166/81, of 512
# 856/165/86, of 1,024 842/172/77.
_BATCH_TOKENS: Final = 512
# Two streams of one thread: 842/172/77; one stream of two threads: 429/81/42.
_MOST_STREAMS: Final = 4
# A shape that differs from the request's last one costs it 2 ms, a new one 5 ms, of a query that takes 1.5 ms. So
# short batches are padded to one of few lengths.
_SHORT_TOKENS: Final = 128
_STEP: Final = 8
# Code and buffers for so many shapes and streams are kept; the library's own limit of 5,000 let 150 shapes take
# 110 MB instead of 65.
_SHAPES_KEPT: Final = 64
# Beyond so many tokens in one batch (one text of a model with 8,192 positions), its buffers are given back.
_LARGE_BATCH_TOKENS: Final = 4096


class OpenVinoEngine:
    """Engine (engine.py) over one compiled model with a request for each stream.

    Compiled at every load: that takes 0.15–0.19 s, and reading it from OpenVINO's own cache would take 0.1 s and
    60–90 MB of disk that nobody checks.
    """

    device: ClassVar[str] = "cpu"

    def __init__(self, graph: Path, config: ModelConfig, choice: EngineChoice, tokenizer: ModelTokenizer) -> None:
        """Reads and compiles the graph. Raises Unavailable."""
        cores = usable_cores()
        threads = config.threads or max(1, cores // min(cores, _MOST_STREAMS))
        self.choice = choice
        self.streams = max(1, min(_MOST_STREAMS, cores // threads))
        self.batch_tokens = config.batch_tokens or _BATCH_TOKENS
        self._tokenizer = tokenizer
        self._max_tokens = config.max_tokens
        self._releasing = threading.Lock()
        options = {
            "NUM_STREAMS": str(self.streams),
            "INFERENCE_NUM_THREADS": str(self.streams * threads),
            # Threads tied to cores would meet other processes' there, which are tied to the same ones.
            "ENABLE_CPU_PINNING": "NO",
            "INFERENCE_PRECISION_HINT": "bf16" if choice.precision == "bf16" else "f32",
            "CPU_RUNTIME_CACHE_CAPACITY": str(_SHAPES_KEPT),
            # Activations as int8, with a scale per token and so many channels; 0 computes with floats.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP if choice.precision == "int8" else 0),
        }
        try:
            core = openvino.Core()
            self._model: Any = core.compile_model(core.read_model(str(graph)), "CPU", options)
            # One request serves one caller at a time. The last one used comes first: its buffers have the right shape.
            self._requests: queue.LifoQueue[Any] = queue.LifoQueue()
            for _ in range(self.streams):
                self._requests.put(self._model.create_infer_request())
        except Exception as error:  # the library raises plain RuntimeErrors
            raise Unavailable(f"OpenVINO cannot load the model: {error}.") from error

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """With the model's own tokenizer, in order."""
        return self._tokenizer.prepare(texts)

    def run(self, batch: Sequence[PreparedText]) -> Vectors:
        """Row i is the vector of text i; without the GIL. More callers than streams wait for each other."""
        longest = max(len(item.ids) for item in batch)
        if longest * len(batch) <= _SHORT_TOKENS:
            longest = max(longest, min(-(-longest // _STEP) * _STEP, self._max_tokens))
        ids, mask = padded(batch, tokens=longest)
        request = self._requests.get()
        try:
            vectors: Vectors = request.infer({"input_ids": ids, "attention_mask": mask})[0]
        finally:
            self._requests.put(request)
        if ids.size > _LARGE_BATCH_TOKENS:
            self._release_buffers()
        return vectors

    def _release_buffers(self) -> None:
        """The library refuses while anything runs, so every request is taken first; one thread at a time does it."""
        with self._releasing:
            idle = [self._requests.get() for _ in range(self.streams)]
            # It may still see a stream as busy that has just ended: then the next large batch releases.
            with contextlib.suppress(RuntimeError):
                self._model.release_memory()
            for request in idle:
                self._requests.put(request)
        # Measured: after batches of 5,000 tokens side by side 471 MB, then 248.
        return_free_memory()

    def close(self) -> None:
        """Gives the memory back; no other call follows."""
        while not self._requests.empty():
            self._requests.get()
        self._model = None
