"""The default engine against committed vectors of the reference."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shared.model.manager import ModelManager

GOLDEN = Path(__file__).parent / "golden"
TEXTS: list[str] = json.loads((GOLDEN / "texts.json").read_text(encoding="utf-8"))


async def test_vectors_equal_the_references(
    packaged: ModelManager, record_property: Callable[[str, object], None]
) -> None:
    expected = np.load(GOLDEN / "vectors.npy", allow_pickle=False)
    vectors = await packaged.embed(TEXTS, kind="passage")
    cosines = np.sum(vectors * expected, axis=1)
    difference = float(np.abs(vectors - expected).max())
    record_property("largest difference", difference)
    print(f"worst cosine {cosines.min():.7f}, largest difference {difference:.1e}")
    assert cosines.min() >= 0.9999
    assert difference < 1e-5


async def test_a_text_has_the_same_vector_alone_and_among_others(packaged: ModelManager) -> None:
    together = await packaged.embed(TEXTS, kind="passage")
    for index in (0, 4, 11, 12, 22):
        alone = await packaged.embed([TEXTS[index]], kind="query")
        assert np.abs(alone[0] - together[index]).max() < 1e-5


async def test_what_lies_beyond_the_limit_is_not_read(packaged: ModelManager) -> None:
    long = "tariff " * 1000
    longer = long + "notebook " * 1000
    vectors = await packaged.embed([long, longer], kind="passage")
    assert np.array_equal(vectors[0], vectors[1])


def test_the_golden_files_say_who_made_them() -> None:
    versions = json.loads((GOLDEN / "versions.json").read_text())
    assert {"sentence-transformers", "torch", "transformers"} <= versions.keys()
    assert {"", "관세"} <= set(TEXTS)
    assert max(map(len, TEXTS)) > 3000
