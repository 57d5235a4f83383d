"""Writes tests/shared/model/golden/: reference vectors of the packaged models, made by torch.

Run after `pip install -r requirements/reference.txt`: `python -m benchmarks.make_golden_vectors`.
"""

import importlib.metadata
import json
import unicodedata
from pathlib import Path
from typing import Any, Final

import numpy as np

from shared.model.files.e5s1 import E5S1_NAME, E5s1File
from shared.model.files.locating import MINILM, MULTILINGUAL_E5, packaged
from shared.model.graph.weights import E5s1Weights
from shared.ports.model import Vectors

GOLDEN: Final = Path(__file__).resolve().parent.parent / "tests" / "shared" / "model" / "golden"

_PARAGRAPH: Final = (
    "The customs value of imported goods is the transaction value, that is, the price actually paid or payable for "
    "the goods when sold for export to the country of importation, adjusted where necessary for commissions, packing, "
    "assists, royalties and the cost of transport and insurance up to the place of importation. "
)
_KOREAN_PARAGRAPH: Final = (
    "수입물품의 과세가격은 우리나라에 수출하기 위하여 판매되는 물품에 대하여 구매자가 실제로 지급하였거나 지급하여야 "
    "할 가격에 수수료, 포장비, 생산지원비, 권리사용료, 운임과 보험료를 더하여 조정한 거래가격으로 한다. "
)
TEXTS: Final = (
    "",
    " ",
    "tariff",
    "관세",
    "What is the tariff rate for laptops?",
    "노트북 관세율은 얼마인가요?",
    "Portable automatic data-processing machines, weighing not more than 10 kg (HS 8471.30).",
    "휴대용 자동자료처리기계(제8471.30호)의 기본세율은 0%입니다.",
    "The certificate of origin was issued in Rotterdam on 3 March 2025.",
    "원산지증명서는 2025년 3월 3일 로테르담에서 발급되었다.",
    "MIXED case, CamelCase, snake_case and kebab-case words.",
    "한국어 and English 섞어 쓴 문장 with 숫자 1234.56",
    "👍🏽 great price 💻📦🚢 — ships today!",
    "naïve café façade, Zürich, Łódź, São Paulo, Ελλάδα, Москва",
    "東京の輸入関税 进口关税 ภาษีนำเข้า",
    "don't can't won't e-mail: someone@example.com https://example.com/a?b=c#d",
    "line one\nline two\r\n\tindented line three\n\n\nline six",
    "x" * 150,
    "1 2 3 4 5 6 7 8 9 10 3.14159 1,000,000 −5 ½ ² ™ © ®",
    "def tariff(rate: float) -> float: return value * rate / 100",
    _PARAGRAPH,
    _KOREAN_PARAGRAPH,
    _PARAGRAPH * 12,
    _KOREAN_PARAGRAPH * 8,
)


def main() -> None:
    """For each packaged model a folder: vectors (n, dimension) float32 of the texts, and what made them."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for model, vectors, libraries in (
        (MINILM, minilm_vectors(), ("sentence-transformers", "torch", "transformers")),
        (MULTILINGUAL_E5, e5_vectors(), ("tokenizers", "torch", "transformers")),
    ):
        folder = GOLDEN / model.name
        folder.mkdir(exist_ok=True)
        np.save(folder / "vectors.npy", vectors.astype(np.float32), allow_pickle=False)
        versions = {"model": model.name} | {name: importlib.metadata.version(name) for name in libraries}
        (folder / "versions.json").write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")
        print(f"{len(TEXTS)} texts, vectors {vectors.shape}, in {folder}; made by {versions}")


def minilm_vectors() -> Vectors:
    """sentence-transformers on the packaged folder."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(packaged(MINILM).folder), device="cpu", local_files_only=True)
    vectors: Vectors = model.encode(list(TEXTS), batch_size=1, convert_to_numpy=True, show_progress_bar=False)
    return vectors


def e5_vectors() -> Vectors:
    """transformers' BertModel in fp32 with the file's weights unpacked, and the tokenizers library on its pieces."""
    import torch

    file = E5s1File(packaged(MULTILINGUAL_E5).folder / E5S1_NAME)
    tokenizer, network = library_tokenizer(file), library_model(file)
    normalisation = file.vocabulary().normalisation
    rows = []
    with torch.no_grad():
        for text in TEXTS:
            clean = unicodedata.normalize("NFC", f"passage: {text}".translate(normalisation))
            ids = tokenizer.encode(clean).ids
            if len(ids) > file.shape.positions:
                ids = [*ids[: file.shape.positions - 1], ids[-1]]
            hidden = network(input_ids=torch.tensor([ids])).last_hidden_state[0]
            rows.append(torch.nn.functional.normalize(hidden.mean(0), dim=0).numpy())
    return np.stack(rows)


def library_tokenizer(file: E5s1File) -> Any:
    """What published XLM-RoBERTa tokenizers are made of, without their normaliser."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    known = file.vocabulary()
    ends = np.cumsum(known.lengths).tolist()
    pieces = [known.text[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    tokenizer = Tokenizer(
        models.Unigram(list(zip(pieces, known.scores.tolist(), strict=True)), unk_id=known.unknown, byte_fallback=False)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", known.begin), ("</s>", known.end)]
    )
    return tokenizer


def library_model(file: E5s1File) -> Any:
    """An fp32 BertModel of the file's shape and weights, ready to run."""
    import torch
    from transformers import BertConfig, BertModel

    shape = file.shape
    network = BertModel(
        BertConfig(
            vocab_size=shape.vocabulary,
            hidden_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            intermediate_size=shape.feed_forward,
            max_position_embeddings=shape.positions,
            type_vocab_size=shape.types,
            layer_norm_eps=shape.epsilon,
            hidden_act="gelu",
            pad_token_id=file.padding,
        ),
        add_pooling_layer=False,
    )
    weights = E5s1Weights(file.path)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(weights[name])))
    return network.eval()


if __name__ == "__main__":
    main()
