"""Cross-encoders: the graph with its head against plain numpy, and the real CrossEncoder where it is installed."""

import importlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_builders import Family, a_tiny_cross_encoder
from numpy_encoder import hidden_in_numpy, weights_in

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.files.cross_encoder import read_cross_encoder_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.manager import ModelManager
from shared.model.reranking.cross_encoder import CrossEncoder
from shared.runtime.resilience import Resilient
from shared.settings import Settings

QUERY = "import duty"
PASSAGES = ("tariff", "", "관세 laptop a b c", "duty import tariff export a b c d", "notebook " * 50)
FAMILIES: tuple[Family, ...] = ("bert", "xlm-roberta")


def a_cross_encoder(folder: Path, data: Path, metrics: PrometheusMetrics) -> CrossEncoder:
    settings = Settings(data_dir=data, machine_cache_dir=data / "machine", rerank_model=str(folder))
    guard = Resilient("rerank", timeout_seconds=60, attempts=1, metrics=metrics)
    return CrossEncoder(settings, folder, metrics, guard)


@pytest.mark.parametrize("family", FAMILIES)
async def test_equals_the_same_encoder_and_head_in_numpy(
    tmp_path: Path, metrics: PrometheusMetrics, family: Family
) -> None:
    folder = a_tiny_cross_encoder(tmp_path / "model", family=family, layers=1)
    reranker = a_cross_encoder(folder, tmp_path / "data", metrics)
    expected = in_numpy(folder, QUERY, PASSAGES)
    assert len({round(score, 3) for score in expected}) == len(PASSAGES)
    assert np.abs(np.array(await reranker.score(QUERY, PASSAGES)) - expected).max() <= 2e-5
    # Alone, without padding; and where the query is longer than all that the model reads.
    assert await reranker.score(QUERY, PASSAGES[2:3]) == pytest.approx(expected[2:3], abs=2e-5)
    long = "export notebook " * 60
    assert await reranker.score(long, PASSAGES) == pytest.approx(in_numpy(folder, long, PASSAGES), abs=2e-5)
    reranker.slot.close()


async def test_is_one_of_the_models_of_its_process(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    folder = a_tiny_cross_encoder(tmp_path / "model")
    reranker = a_cross_encoder(folder, tmp_path / "data", metrics)
    async with ModelManager(Settings(data_dir=tmp_path / "data"), metrics, reranker) as manager:
        # Nobody asked for it: it is loaded as the process starts.
        await manager.load("rerank")
        status = manager.status().reranker
        assert status is not None and status.state == "ready" and status.loads == 1
    with pytest.raises(Unavailable):
        await reranker.score(QUERY, PASSAGES)


def two_labels(folder: Path) -> None:
    a_tiny_cross_encoder(folder, labels=2)


def another_kind(folder: Path) -> None:
    a_tiny_cross_encoder(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "t5"}), encoding="utf-8")


def no_head(folder: Path) -> None:
    from safetensors.numpy import load_file, save_file

    a_tiny_cross_encoder(folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: one for name, one in tensors.items() if "classifier" not in name}, folder / "model.safetensors")


def half_of_the_weights(folder: Path) -> None:
    path = a_tiny_cross_encoder(folder) / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_tokenizer(folder: Path) -> None:
    (a_tiny_cross_encoder(folder) / "tokenizer.json").unlink()


def damaged_tokenizer(folder: Path) -> None:
    (a_tiny_cross_encoder(folder) / "tokenizer.json").write_text("{", encoding="utf-8")


def nothing(folder: Path) -> None:
    assert not folder.exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (two_labels, "2 labels"),
        (another_kind, "kind t5"),
        (no_head, "classifier"),
        (half_of_the_weights, "could not be built"),
        (no_tokenizer, "tokenizer.json"),
        (damaged_tokenizer, "damaged"),
        (nothing, "no such folder"),
    ],
)
async def test_a_folder_that_cannot_be_run_is_unavailable_and_says_why(
    tmp_path: Path, metrics: PrometheusMetrics, make: Callable[[Path], None], said: str
) -> None:
    make(tmp_path / "model")
    reranker = a_cross_encoder(tmp_path / "model", tmp_path / "data", metrics)
    assert reranker.status().state != "ready"
    with pytest.raises(Unavailable, match=said):
        await reranker.score(QUERY, PASSAGES)
    reranker.slot.close()


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is None,
    reason="sentence-transformers is not installed (make test-reference)",
)
@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta"])
async def test_equals_the_cross_encoder_of_sentence_transformers(
    tmp_path: Path, metrics: PrometheusMetrics, family: Family
) -> None:
    folder = a_tiny_cross_encoder(tmp_path / "model", family=family, layers=3, positions=64)
    torch: Any = importlib.import_module("torch")
    library: Any = importlib.import_module("sentence_transformers")
    model = library.CrossEncoder(str(folder), local_files_only=True, max_length=62)
    pairs = [(QUERY, passage) for passage in PASSAGES]
    expected = model.predict(pairs, activation_fn=torch.nn.Identity(), convert_to_numpy=True).reshape(-1)
    reranker = a_cross_encoder(folder, tmp_path / "data", metrics)
    assert await reranker.score(QUERY, PASSAGES) == pytest.approx(expected.tolist(), abs=2e-5)
    reranker.slot.close()


def in_numpy(folder: Path, query: str, passages: Sequence[str]) -> list[float]:
    """The head of BertForSequenceClassification or RobertaClassificationHead over the first token."""
    config, weights = read_cross_encoder_config(folder, name="tiny"), weights_in(folder)
    names = ("pooler.dense", "classifier")
    if config.architecture.model_type != "bert":
        names = ("classifier.dense", "classifier.out_proj")
    scores = []
    for prepared in ModelTokenizer(config).prepare_pairs(query, passages):
        ids = list(prepared.ids)
        assert len(ids) <= config.max_tokens
        # [CLS] query [SEP] passage [SEP]: the second text has type 1 in BERT.
        first_end = ids.index(3) if config.architecture.model_type == "bert" else len(ids)
        types = [int(place > first_end) for place in range(len(ids))]
        x = hidden_in_numpy(config, weights, ids, types)[0]
        x = np.tanh(weights[names[0] + ".weight"] @ x + weights[names[0] + ".bias"])
        scores.append(float((weights[names[1] + ".weight"] @ x + weights[names[1] + ".bias"])[0]))
    return scores
