"""The default engine against the real sentence-transformers: on the packaged model and on tiny random ones."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_builders import a_tiny_model

from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.model.engine import EngineChoice
from shared.model.engines.opening import load_engine
from shared.model.files.artefact_cache import ArtefactCache
from shared.model.files.config import model_config, read_model_config
from shared.model.files.tokens import ModelTokenizer
from shared.model.manager import ModelManager
from shared.ports.model import Vectors
from shared.settings import Settings

pytestmark = [
    pytest.mark.reference,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.skipif(
        importlib.util.find_spec("sentence_transformers") is None,
        reason="sentence-transformers is not installed (make test-reference)",
    ),
]

FP32 = EngineChoice("onnx", "fp32")
SENTENCES = (
    "Goods in transit are not subject to import duty.",
    "환적 화물에는 수입 관세가 부과되지 않는다.",
    "A bill of lading is a document of title, a receipt for shipped goods and a contract between carrier and shipper.",
    "Article 7 lays down the methods of valuation, to be applied in sequence " * 30,
    "HS 8517.13 smartphones / 스마트폰",
    "e = mc², ∑ 1/n², 5 µm ± 0.1 %",
    "🙂" * 20,
    "\u200bzero\u00adwidth\ufeff",
    "Ａｆｕｌｌｗｉｄｔｈ ｔｅｘｔ １２３",
    "tab\tseparated\tvalues\n\n\n",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    ".",
)
WORDS = ("tariff", "duty import", "tariffs exporting 관세", "", "notebook " * 50, "a b c d unknown word, with marks!")


def reference(folder: Path, texts: tuple[str, ...], **given: Any) -> Vectors:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    vectors: Vectors = model.encode(list(texts), convert_to_numpy=True, show_progress_bar=False, **given)
    return vectors


def cosines(one: Vectors, other: Vectors) -> Any:
    return np.sum(one * other, axis=1) / (np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1))


async def test_the_packaged_model_equals_the_reference(packaged: ModelManager) -> None:
    expected = reference(model_config(Settings()).folder, SENTENCES)
    vectors = await packaged.embed(SENTENCES, kind="passage")
    print(f"worst cosine {cosines(vectors, expected).min():.7f}, difference {np.abs(vectors - expected).max():.1e}")
    assert cosines(vectors, expected).min() >= 0.9999
    assert np.abs(vectors - expected).max() < 1e-5


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"hidden": 48, "layers": 1, "heads": 2},
        {"hidden": 64, "layers": 4, "heads": 8, "pooling": "cls"},
        {"pooling": "max"},
        {"normalise": False},
        {"normalise": False, "pooling": "cls", "layers": 3},
        {"activation": "relu"},
        {"activation": "gelu_new"},
        {"layer_norm_eps": 1e-5, "max_tokens": 12},
    ],
    ids=str,
)
def test_tiny_models_of_many_shapes_equal_the_reference(tmp_path: Path, shape: dict[str, Any]) -> None:
    folder = a_tiny_model(tmp_path / "model", **shape)
    expected = reference(folder, WORDS)
    config = read_model_config(folder, name="tiny")
    tokenizer = ModelTokenizer(config)
    engine = load_engine(config, FP32, ArtefactCache(tmp_path / "models"), lambda: tokenizer).engine
    # As the engine gives them: the manager would make every row one long.
    vectors = engine.run(engine.prepare(WORDS))
    assert cosines(vectors, expected).min() >= 0.9999
    assert np.abs(vectors - expected).max() < 2e-5


def test_a_bert_saved_by_transformers_equals_the_reference(tmp_path: Path) -> None:
    """Tensor names with the prefix `bert.`, as heads for pre-training are saved."""
    torch: Any = importlib.import_module("torch")
    transformers: Any = importlib.import_module("transformers")
    folder = a_tiny_model(tmp_path / "model")
    torch.manual_seed(3)
    shape = transformers.BertConfig.from_pretrained(folder)
    transformers.BertForMaskedLM(shape).save_pretrained(folder)
    expected = reference(folder, WORDS)
    config = read_model_config(folder, name="tiny")
    tokenizer = ModelTokenizer(config)
    engine = load_engine(config, FP32, ArtefactCache(tmp_path / "models"), lambda: tokenizer).engine
    assert np.abs(engine.run(engine.prepare(WORDS)) - expected).max() < 2e-5


async def test_the_reference_engine_serves_the_same_space(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    settings = Settings(data_dir=tmp_path, model_engine="sentence-transformers")
    async with ModelManager(settings, metrics) as manager:
        expected = reference(model_config(settings).folder, SENTENCES)
        vectors = await manager.embed(SENTENCES, kind="passage")
        assert cosines(vectors, expected).min() >= 0.9999
        status = manager.status().embedding
        assert (status.engine, status.artefact) == ("sentence-transformers", None)


async def test_prompts_are_the_libraries_own(tmp_path: Path, metrics: PrometheusMetrics) -> None:
    folder = a_tiny_model(tmp_path / "model", prompts={"query": "import ", "passage": "export "})
    for engine in ("onnx", "sentence-transformers"):
        settings = Settings(data_dir=tmp_path / "data", model_path=folder, model_engine=engine)
        async with ModelManager(settings, metrics) as manager:
            assert (
                np.abs(
                    await manager.embed(["duty"], kind="query") - reference(folder, ("duty",), prompt_name="query")
                ).max()
                < 2e-5
            )


def test_weights_that_lack_a_tensor_are_refused_where_the_library_would_make_some_up(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model", layers=1, num_hidden_layers=2)
    config = read_model_config(folder, name="tiny")
    tokenizer = ModelTokenizer(config)
    choice = EngineChoice("sentence-transformers", "fp32")
    with pytest.raises(Unavailable, match=r"lack 16 tensors.*encoder\.layer\.1\."):
        load_engine(config, choice, ArtefactCache(tmp_path / "models"), lambda: tokenizer)
