"""Every family the graph builder knows, against transformers where it is installed, and against plain numpy."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from model_builders import Family, a_tiny_model
from numpy_encoder import mean_in_numpy

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
    expected = np.stack([mean_in_numpy(folder, config, item.ids) for item in batch])
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
