"""Every family the graph builder knows, against transformers where it is installed, and against plain numpy."""

import importlib
import importlib.util
import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from model_builders import Family, a_tiny_model
from safetensors.numpy import load_file

from shared.model.engine import Engine, EngineChoice, PreparedText
from shared.model.engines.opening import load_engine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import ModelConfig, read_model_config
from shared.model.files.tokens import ModelTokenizer, padded
from shared.ports.model import Vectors

FAMILIES: tuple[Family, ...] = get_args(Family)
TEXTS = ("tariff", "duty import tariff export a b c d", "", "관세 laptop", "a <pad> b <pad> c", "a b c d " * 20)
FP32 = EngineChoice("onnx", "fp32")

reference = pytest.mark.reference
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="transformers is not installed (make test-reference)"
)


def an_engine(folder: Path, cache: Path, choice: EngineChoice = FP32) -> tuple[ModelConfig, Engine]:
    config = read_model_config(folder, name="tiny")
    tokenizer = ModelTokenizer(config)
    return config, load_engine(config, choice, ArtefactCache(cache), lambda: tokenizer).engine


@reference
@needs_transformers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_equals_transformers_with_padding_in_the_batch(tmp_path: Path, family: Family, pooling: str) -> None:
    folder = a_tiny_model(tmp_path / "model", family=family, pooling=pooling, layers=3)
    _, engine = an_engine(folder, tmp_path / "cache")
    batch = engine.prepare(TEXTS)
    expected = with_transformers(folder, batch, pooling=pooling)
    difference = float(np.abs(engine.run(batch) - expected).max())
    print(f"{family}, {pooling}: largest difference {difference:.1e}")
    assert difference <= 1e-5


@reference
@needs_transformers
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("pooling", "positions", "prompts"),
    [("mean", 514, {"query": "query: ", "passage": "passage: "}), ("cls", 8194, None)],
    ids=["multilingual E5", "BGE-M3"],
)
def test_published_shapes_of_xlm_roberta_equal_transformers(
    tmp_path: Path, pooling: str, positions: int, prompts: dict[str, str] | None
) -> None:
    """With their number of positions, and texts that fill them."""
    folder = a_tiny_model(
        tmp_path / "model",
        family="xlm-roberta",
        pooling=pooling,
        prompts=prompts,
        max_tokens=positions - 2,
        positions=positions,
        layers=1,
        hidden=8,
        heads=1,
    )
    config, engine = an_engine(folder, tmp_path / "cache")
    assert config.max_tokens == positions - 2
    batch = engine.prepare(["tariff duty", "a b c d " * 3000])
    assert len(batch[1].ids) == config.max_tokens
    expected = with_transformers(folder, batch, pooling=pooling)
    assert np.abs(engine.run(batch) - expected).max() <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_same_encoder_in_numpy_alone_and_among_longer_ones(tmp_path: Path, family: Family) -> None:
    folder = a_tiny_model(tmp_path / "model", family=family, layers=1, normalise=False, max_tokens=10_000)
    config, engine = an_engine(folder, tmp_path / "cache")
    # Those that count positions from the padding token's have two fewer than their table.
    assert config.max_tokens == (40 if family in ("bert", "distilbert") else 38)
    batch = engine.prepare([*TEXTS, "a b c d " * 100])
    assert len(batch[-1].ids) == config.max_tokens
    expected = np.stack([in_numpy(folder, config, item) for item in batch])
    assert np.abs(engine.run(batch) - expected).max() <= 2e-5
    for row, item in enumerate(batch):
        assert np.abs(engine.run([item])[0] - expected[row]).max() <= 2e-5


def test_unigram_tokenizers_read_korean_and_what_they_do_not_know(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model", family="xlm-roberta")
    tokenizer = ModelTokenizer(read_model_config(folder, name="tiny"))
    known, split, unknown = tokenizer.prepare(["관세", "관 세", "ß"])
    assert known.ids[0] == 0 and known.ids[-1] == 2
    assert len(known.ids) == 3
    assert len(split.ids) > len(known.ids)
    assert 3 in unknown.ids
    assert tokenizer.count(["tariff duty"]) == [2]


def with_transformers(folder: Path, batch: list[PreparedText], *, pooling: str) -> Vectors:
    """The same ids, padded with the model's own padding token."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    model = transformers.AutoModel.from_pretrained(folder, local_files_only=True).eval()
    ids, mask = padded(batch)
    ids = np.where(mask == 1, ids, model.config.pad_token_id)
    with torch.no_grad():
        hidden = model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).last_hidden_state.numpy()
    if pooling == "cls":
        pooled = hidden[:, 0]
    else:
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    vectors: Vectors = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return vectors


def in_numpy(folder: Path, config: ModelConfig, item: PreparedText) -> Vectors:
    """One layer, one text, no padding, mean over the tokens; written from the papers, in double precision."""
    weights = {name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()}
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

    ids = np.array(item.ids)
    if kind in ("bert", "distilbert"):
        places = np.arange(len(ids))
    else:
        places = np.array(
            [1 if token == 1 else 1 + int((ids[: place + 1] != 1).sum()) for place, token in enumerate(ids)]
        )
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.position_embeddings.weight"][places]
    x = x + weights.get("embeddings.token_type_embeddings.weight", np.zeros((1, x.shape[1])))[0]
    x = norm("embeddings.LayerNorm", x)
    mixed = []
    for head in range(heads):
        part = slice(head * x.shape[1] // heads, (head + 1) * x.shape[1] // heads)
        scores = linear(at + query, x)[:, part] @ linear(at + key, x)[:, part].T
        scores = scores / math.sqrt(x.shape[1] // heads)
        if kind == "mpnet":
            bias = weights["encoder.relative_attention_bias.weight"][:, head]
            scores += [[bias[bucket(there - here)] for there in range(len(ids))] for here in range(len(ids))]
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        mixed.append(shares / shares.sum(axis=1, keepdims=True) @ linear(at + value, x)[:, part])
    x = norm(at + norms[0], x + linear(at + attended, np.concatenate(mixed, axis=1)))
    raised = linear(at + wide, x)
    raised = raised * 0.5 * (1 + np.vectorize(math.erf)(raised / math.sqrt(2)))
    mean: Vectors = norm(at + norms[1], x + linear(at + narrow, raised)).mean(axis=0)
    return mean


def bucket(distance: int) -> int:
    """Of 32: 16 for each direction, 8 of them for the nearest, the rest by logarithm up to 128."""
    away = abs(distance)
    near = away if away < 8 else min(15, 8 + int(math.log(away / 8) / math.log(16) * 8))
    return near + (16 if distance > 0 else 0)
