"""Signatures of texts: as alike as the texts are, whatever the spacing; nothing of short texts."""

import random
import re
from collections.abc import Callable

import pytest

from process.application.signing import SHINGLE, signature_of
from shared.artefacts.signature import PLACES, Signature

KOREAN = [
    "관세율",
    "노트북",
    "과세환율",
    "수입신고",
    "품목",
    "원산지",
    "증명서",
    "보세구역",
    "화물",
    "세관",
    "납부",
    "운임",
]
ENGLISH = ["duty", "notebook", "rate", "import", "declaration", "origin", "certificate", "bonded", "cargo", "freight"]


def a_text(words: list[str], count: int, seed: int) -> list[str]:
    """Words that are nearly all different, as in a real text."""
    chance = random.Random(seed)
    return [f"{chance.choice(words)}{chance.randrange(10**4)}" for _ in range(count)]


def signed(words: list[str]) -> Signature:
    signature = signature_of(" ".join(words))
    assert signature is not None
    return signature


def shared_share(one: list[str], other: list[str]) -> float:
    """What a signature estimates, counted."""
    shingles = []
    for words in (one, other):
        letters = "".join(words)
        shingles.append({letters[start : start + SHINGLE] for start in range(len(letters) - SHINGLE + 1)})
    return len(shingles[0] & shingles[1]) / len(shingles[0] | shingles[1])


@pytest.mark.parametrize("words", [KOREAN, ENGLISH], ids=["korean", "english"])
@pytest.mark.parametrize("every", [3, 10, 20, 40, 100])
def test_a_similarity_is_near_the_share_of_shingles(words: list[str], every: int) -> None:
    text = a_text(words, 400, seed=every)
    changed = [f"{word}9999x" if place % every == 0 else word for place, word in enumerate(text)]
    assert signed(text).similarity(signed(changed)) == pytest.approx(shared_share(text, changed), abs=0.15)


@pytest.mark.parametrize(
    "typeset",
    [
        lambda text: text.replace(" ", "\n"),
        lambda text: text.replace(" ", ""),
        lambda text: re.sub(" ", ", – ", text),
        str.upper,
    ],
    ids=["other lines", "no spaces", "punctuation", "capitals"],
)
@pytest.mark.parametrize("words", [KOREAN, ENGLISH], ids=["korean", "english"])
def test_the_same_text_in_another_setting_has_the_same_signature(
    words: list[str], typeset: Callable[[str], str]
) -> None:
    text = " ".join(a_text(words, 100, seed=1))
    assert signature_of(typeset(text)) == signature_of(text)


def test_a_long_text_is_looked_at_in_pieces_that_leave_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(a_text(ENGLISH, 300, seed=2))
    whole = signature_of(text)
    for size in (5, 100, 1000):
        monkeypatch.setattr("process.application.signing._PIECE", size)
        assert signature_of(text) == whole


@pytest.mark.parametrize("text", ["", "…!\n" * 500, "과세환율은 매주 고시한다.", "abc " * 10_000, "\ud800" * 20])
def test_what_says_too_little_has_none(text: str) -> None:
    assert signature_of(text) is None


def test_near_duplicates_share_a_band_and_other_texts_do_not() -> None:
    for seed in range(20):
        text, other = a_text(KOREAN, 300, seed), a_text(KOREAN, 300, seed + 100)
        changed = [*text[:150], "다른", "낱말", *text[160:]]
        bands = set(signed(text).bands())
        assert signed(text).similarity(signed(changed)) > 0.8
        assert bands & set(signed(changed).bands())
        assert not bands & set(signed(other).bands())


def test_a_signature_is_read_as_it_was_written_and_another_kind_is_none() -> None:
    signature = signed(a_text(ENGLISH, 50, seed=3))
    assert Signature.read(str(signature)) == signature
    assert all(0 <= band < 2**53 for band in signature.bands())
    for unknown in (None, "", "AAAA", "no base64!", str(signature) + "AAAA"):
        assert Signature.read(unknown) is None
    with pytest.raises(ValueError, match=f"{PLACES} places"):
        Signature(b"short")
