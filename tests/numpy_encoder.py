"""One layer of every family of encoders in plain numpy, written from the papers: what graphs are compared with."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file

from shared.model.files.config import ModelConfig
from shared.ports.model import Vectors


def mean_in_numpy(folder: Path, config: ModelConfig, token_ids: Sequence[int]) -> Vectors:
    """One layer, one text, no padding, mean over the tokens."""
    mean: Vectors = hidden_in_numpy(config, weights_in(folder), token_ids).mean(axis=0)
    return mean


def weights_in(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """In double precision, without the prefix that a head's class gives the encoder's."""
    loaded = {name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()}
    return {name.removeprefix("bert.").removeprefix("roberta."): value for name, value in loaded.items()}


def hidden_in_numpy(
    config: ModelConfig, weights: dict[str, npt.NDArray[Any]], token_ids: Sequence[int], types: Sequence[int] = ()
) -> npt.NDArray[Any]:
    """What one layer gives for each token; `types` of tokens are 0 where they are left out."""
    kind, heads = config.architecture.model_type, config.architecture.heads
    at = "transformer.layer.0." if kind == "distilbert" else "encoder.layer.0."
    named: dict[str, tuple[str, str, str, str, str, str]] = {
        "distilbert": (
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "ffn.lin1",
            "ffn.lin2",
        ),
        "mpnet": (
            "attention.attn.q",
            "attention.attn.k",
            "attention.attn.v",
            "attention.attn.o",
            "intermediate.dense",
            "output.dense",
        ),
    }
    query, key, value, attended, wide, narrow = named.get(
        kind,
        (
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
            "attention.output.dense",
            "intermediate.dense",
            "output.dense",
        ),
    )
    norms = {
        "distilbert": ("sa_layer_norm", "output_layer_norm"),
        "mpnet": ("attention.LayerNorm", "output.LayerNorm"),
    }.get(kind, ("attention.output.LayerNorm", "output.LayerNorm"))

    def linear(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(x @ weights[name + ".weight"].T + weights[name + ".bias"])

    def norm(name: str, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        spread = np.sqrt(x.var(axis=-1, keepdims=True) + config.architecture.layer_norm_epsilon)
        return np.asarray(
            (x - x.mean(axis=-1, keepdims=True)) / spread * weights[name + ".weight"] + weights[name + ".bias"]
        )

    ids = np.array(token_ids)
    if kind in ("bert", "distilbert"):
        places = np.arange(len(ids))
    else:
        places = np.array(
            [1 if token == 1 else 1 + int((ids[: place + 1] != 1).sum()) for place, token in enumerate(ids)]
        )
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][places]
    of_types = weights.get("embeddings.token_type_embeddings.weight", np.zeros((1, x.shape[1])))
    x = x + of_types[np.array(types or [0] * len(ids))]
    x = norm("embeddings.LayerNorm", x)
    mixed = []
    for head in range(heads):
        part = slice(head * x.shape[1] // heads, (head + 1) * x.shape[1] // heads)
        scores = linear(at + query, x)[:, part] @ linear(at + key, x)[:, part].T
        scores = scores / math.sqrt(x.shape[1] // heads)
        if kind == "mpnet":
            bias = weights["encoder.relative_attention_bias.weight"][:, head]
            scores += [[bias[_bucket(there - here)] for there in range(len(ids))] for here in range(len(ids))]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed.append(shares / shares.sum(axis=1, keepdims=True) @ linear(at + value, x)[:, part])
    x = norm(at + norms[0], x + linear(at + attended, np.concatenate(mixed, axis=1)))
    raised = linear(at + wide, x)
    raised = raised * 0.5 * (1 + np.vectorize(math.erf)(raised / math.sqrt(2)))
    return norm(at + norms[1], x + linear(at + narrow, raised))


def _bucket(distance: int) -> int:
    """Of 32: 16 for each direction, 8 of them for the nearest, the rest by logarithm up to 128."""
    away = abs(distance)
    near = away if away < 8 else min(15, 8 + int(math.log(away / 8) / math.log(16) * 8))
    return near + (16 if distance > 0 else 0)
