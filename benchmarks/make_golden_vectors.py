"""Writes tests/shared/model/golden/: reference vectors of the packaged model, made by sentence-transformers.

Run after `pip install -r requirements/reference.txt`: `python -m benchmarks.make_golden_vectors`.
"""

import importlib.metadata
import json
from pathlib import Path
from typing import Final

import numpy as np

from shared.model.files.locating import PACKAGED_MODEL, packaged_folder

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
    """Texts, their vectors (n, dimension) float32, and the versions that made them."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(packaged_folder()), device="cpu", local_files_only=True)
    vectors = model.encode(list(TEXTS), batch_size=1, convert_to_numpy=True, show_progress_bar=False)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    np.save(GOLDEN / "vectors.npy", vectors.astype(np.float32), allow_pickle=False)
    versions = {"model": PACKAGED_MODEL} | {
        name: importlib.metadata.version(name) for name in ("sentence-transformers", "torch", "transformers")
    }
    (GOLDEN / "versions.json").write_text(json.dumps(versions, indent=1) + "\n", encoding="utf-8")
    print(f"{len(TEXTS)} texts, vectors {vectors.shape}, in {GOLDEN}; made by {versions}")


if __name__ == "__main__":
    main()
