"""What a folder with a cross-encoder says of itself: an encoder with a head that gives one number for two texts.

In the layout of Hugging Face and sentence-transformers: config.json, tokenizer.json, model.safetensors.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from shared.kernel import Unavailable
from shared.model.files.config import Head, ModelConfig, read_model_config
from shared.model.files.supported import HEADS, ROBERTA_KIND

_SEPARATOR: Final = "[SEP]"


def read_cross_encoder_config(folder: Path, *, name: str) -> ModelConfig:
    """As of an embedding model, with its head. Raises Unavailable for what is missing, damaged, or of another kind."""
    said = read_model_config(folder, name=name)
    raw = _read_json(said.transformer_folder / "config.json")
    kind = said.architecture.model_type
    if kind not in HEADS:
        raise Unavailable(
            f"The cross-encoder in '{folder}' is of the kind {kind or 'that it does not say'}: "
            f"there are heads for {', '.join(sorted(HEADS))}."
        )
    labels = len(raw.get("id2label") or ()) or raw.get("num_labels") or 0
    if labels != 1:
        raise Unavailable(
            f"The model in '{folder}' is no cross-encoder that ranks: its head has {labels or 'an untold number of'} "
            "labels, and one is needed."
        )
    # Families that count positions have one type of token, whatever the place.
    has_types = kind not in ROBERTA_KIND and int(raw.get("type_vocab_size") or 1) > 1
    separator = _separator(said) if has_types else -1
    return replace(said, head=Head(separator), pooling="cls", normalise=False, other_modules=(), dimension=1)


def _separator(said: ModelConfig) -> int:
    """The number of the token that ends each of the two texts."""
    named = _read_json(said.transformer_folder / "tokenizer_config.json", missing={}).get("sep_token") or _SEPARATOR
    content = named["content"] if isinstance(named, dict) else named
    tokenizer = _read_json(said.tokenizer)
    for token in tokenizer.get("added_tokens") or ():
        if token["content"] == content:
            return int(token["id"])
    vocabulary = tokenizer["model"]["vocab"]
    if not isinstance(vocabulary, dict) or content not in vocabulary:
        raise Unavailable(f"The model's file '{said.tokenizer}' has no token '{content}'.")
    return int(vocabulary[content])


def _read_json(path: Path, *, missing: Any = None) -> Any:
    if missing is not None and not path.is_file():
        return missing
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise Unavailable(f"The model's file '{path}' cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise Unavailable(f"The model's file '{path}' is damaged: {error}.") from error
