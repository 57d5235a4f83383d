"""Texts to model tokens: with the tokenizers library (Rust; releases the GIL), or by the pieces of a packed model."""

import os
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from shared.free_memory import return_free_memory
from shared.kernel import Unavailable
from shared.model.engine import PreparedText
from shared.model.files.config import ModelConfig
from shared.model.files.e5s1 import E5s1File
from shared.model.files.unigram import Unigram
from shared.telemetry import get_log

# Texts tokenised by one call: enough to use every core, few enough that memory stays flat on long lists.
_SLICE: Final = 512
_NO_THREADS: Final = "global thread pool has not been initialized"
_log = get_log("model")


class _Encoder(Protocol):
    """What turns clean texts into token numbers."""

    def encode(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        """Of each text, without a limit; `special` puts the model's marks around them."""
        ...


class ModelTokenizer:
    """The model's tokenizer. Safe from many threads."""

    def __init__(self, config: ModelConfig) -> None:
        """Reads its file (tens of milliseconds). Raises Unavailable."""
        self._file = None if config.in_blocks else _TokenizerFile(config)
        self._encoder: _Encoder = self._file or _packed(config)
        self._max_tokens = config.max_tokens
        self._lower_case = config.lower_case

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens and without a limit."""
        counts: list[int] = []
        for start in range(0, len(texts), _SLICE):
            piece = [self._clean(text) for text in texts[start : start + _SLICE]]
            counts += map(len, self._encoder.encode(piece, special=False))
        return counts

    def prepare(self, texts: Sequence[str]) -> list[PreparedText]:
        """Ids with the special tokens; of a longer text the first `max_tokens`, the closing one kept."""
        limit = self._max_tokens
        prepared = []
        for text, ids in zip(
            texts, self._encoder.encode([self._clean(text) for text in texts], special=True), strict=True
        ):
            prepared.append(PreparedText(text, ids if len(ids) <= limit else [*ids[: limit - 1], ids[-1]]))
        return prepared

    def prepare_pairs(self, first: str, seconds: Sequence[str]) -> list[PreparedText]:
        """Of each second text with the first before it, marked as the model was taught; only of a cross-encoder.

        Where both are too long for the model, the longer one is cut first (as transformers' `longest_first`).
        """
        assert self._file is not None
        cleaned = self._clean(first)
        encoded = self._file.encode([(cleaned, self._clean(second)) for second in seconds], special=True)
        return [PreparedText(second, ids) for second, ids in zip(seconds, encoded, strict=True)]

    def _clean(self, text: str) -> str:
        """Lone surrogates (legal in JSON, in no encoding) would make the library refuse the whole list."""
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode("utf-8")
        return text.lower() if self._lower_case else text


def _packed(config: ModelConfig) -> Unigram:
    try:
        return Unigram(E5s1File(config.weights).vocabulary())
    except ValueError as error:
        raise Unavailable(f"The model's file '{config.weights}' is damaged: {error}.") from error
    finally:
        # What was read and sorted took 30 MB, and 8 are kept.
        return_free_memory()


class _TokenizerFile:
    """A tokenizer.json of the tokenizers library: nothing of it changes after the start."""

    def __init__(self, config: ModelConfig) -> None:
        # Not for a model that brings its tokenizer in its own file.
        from tokenizers import Tokenizer

        if not config.tokenizer.is_file():
            raise Unavailable(f"The model has no '{config.tokenizer}': Seoga reads tokenizers in that format only.")
        try:
            self._tokenizer = Tokenizer.from_file(str(config.tokenizer))
        except Exception as error:  # the library raises plain Exceptions
            raise Unavailable(f"The model's file '{config.tokenizer}' is damaged: {error}.") from error
        self._tokenizer.no_padding()
        # Cut by hand: a limit set in the tokenizer would also cut what is only counted.
        self._tokenizer.no_truncation()
        if config.head is not None:
            self._tokenizer.enable_truncation(config.max_tokens, strategy="longest_first")

    def encode(self, texts: Sequence[str] | Sequence[tuple[str, str]], *, special: bool) -> list[list[int]]:
        try:
            encoded: Sequence[Any] = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
        except BaseException as error:  # a panic of Rust is no Exception
            if _NO_THREADS not in str(error):
                raise
            # The library tries to start its threads once in a process; without them it uses the caller's.
            _log.warning("tokenising without threads of its own", action="model.tokens.serial", reason=str(error))
            os.environ["TOKENIZERS_PARALLELISM"] = "false"
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=special)
        return [encoding.ids for encoding in encoded]


def padded(batch: Sequence[PreparedText], *, tokens: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ids and mask (1 = read), each (texts, the longest's tokens, or `tokens` if that is more)."""
    longest = max(tokens, max(len(item.ids) for item in batch))
    ids = np.zeros((len(batch), longest), dtype=np.int64)
    mask = np.zeros((len(batch), longest), dtype=np.int64)
    for row, item in enumerate(batch):
        ids[row, : len(item.ids)] = item.ids
        mask[row, : len(item.ids)] = 1
    return ids, mask
