"""Texts in pieces, compared with the tokenizers library's own unigram model of the same pieces."""

import string
import threading
from pathlib import Path
from typing import Any

import pytest
from e5s1_builders import E5s1
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.make_golden_vectors import library_tokenizer
from shared.model.files.config import read_model_config
from shared.model.files.e5s1 import E5s1File
from shared.model.files.tokens import ModelTokenizer
from shared.model.files.unigram import Unigram

BEGIN, END, UNKNOWN = 0, 2, 3
# Ties and overlaps on purpose: many ways to the same word, some of the same score.
PIECES = ("▁", "▁a", "a", "b", "ab", "ba", "aab", "▁ab", "▁b", "c", "▁abc", "세", "▁관세", "관", "▁관", "é", "<mask>")
SCORES = (-2.0, -3.0, -2.0, -2.0, -4.0, -4.0, -6.0, -5.0, -4.0, -9.0, -20.0, -3.0, -5.0, -3.0, -4.0, -7.0, 0.0)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> E5s1File:
    marks = ("<s>", "<pad>", "</s>", "<unk>")
    written = E5s1(pieces=(*marks, *PIECES), scores=(0.0, 0.0, 0.0, 0.0, *SCORES))
    return E5s1File(written.write(tmp_path_factory.mktemp("unigram")))


@pytest.fixture(scope="module")
def unigram(file: E5s1File) -> Unigram:
    return Unigram(file.vocabulary())


@pytest.fixture(scope="module")
def library(file: E5s1File) -> Any:
    return library_tokenizer(file)


def encoded(unigram: Unigram, text: str) -> list[int]:
    (ids,) = unigram.encode([text], special=False)
    return ids


@given(st.lists(st.text("aabbbc관세éxy", max_size=14), max_size=5).map(" ".join))
def test_pieces_are_the_librarys(unigram: Unigram, library: Any, text: str) -> None:
    assert encoded(unigram, text) == library.encode(text, add_special_tokens=False).ids


@given(st.lists(st.text(max_size=30), max_size=6))
def test_texts_together_are_divided_as_alone(unigram: Unigram, texts: list[str]) -> None:
    fresh = [text.encode("utf-8", "replace").decode() for text in texts]
    assert unigram.encode(fresh, special=True) == [unigram.encode([text], special=True)[0] for text in fresh]


@given(st.text())
def test_any_text_has_pieces_between_the_marks(unigram: Unigram, text: str) -> None:
    (ids,) = unigram.encode([text.encode("utf-8", "replace").decode()], special=True)
    assert (ids[0], ids[-1]) == (BEGIN, END)
    assert not {BEGIN, END, 1} & set(ids[1:-1])


def test_unknown_neighbours_are_one_token(unigram: Unigram) -> None:
    assert encoded(unigram, "xyzx").count(UNKNOWN) == 1
    assert encoded(unigram, "xay").count(UNKNOWN) == 2


def test_a_mark_that_a_text_spells_out_is_only_letters(unigram: Unigram) -> None:
    for mark in ("</s>", "<s>", "<pad>", "<mask>"):
        assert set(encoded(unigram, mark)) <= {4, UNKNOWN, 6}


def test_words_are_remembered_within_bounds_and_come_out_the_same(file: E5s1File) -> None:
    unigram = Unigram(file.vocabulary(), words_kept=8)
    words = [a + b + c for a in "abc" for b in "abc" for c in "abc"]
    before = [encoded(unigram, word) for word in words]
    assert [encoded(unigram, word) for word in words] == before
    assert unigram.encode([" ".join(words)], special=False)[0] == [id for word in before for id in word]


def test_many_threads_get_what_one_gets(file: E5s1File) -> None:
    unigram = Unigram(file.vocabulary(), words_kept=4)
    texts = [f"ab{letter} ba 관세 {letter}" for letter in string.ascii_lowercase]
    expected = Unigram(file.vocabulary()).encode(texts, special=True)
    found: list[list[list[int]]] = []

    def work() -> None:
        for _ in range(20):
            found.append(unigram.encode(texts, special=True))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 80
    assert all(each == expected for each in found)


def test_compatible_and_decomposed_forms_are_read_alike(tmp_path: Path) -> None:
    E5s1().write(tmp_path)
    tokenizer = ModelTokenizer(read_model_config(tmp_path, name="packed"))
    (plain, decomposed, hidden) = tokenizer.prepare(["관세 é", "관세 é", "관\u200b세\u00a0é"])
    assert plain.ids == decomposed.ids == hidden.ids
    assert tokenizer.prepare(["\ud800"])[0].ids[0] == BEGIN
    assert tokenizer.count(["", "관세"]) == [0, 1]


def test_a_word_as_long_as_a_document_is_divided(unigram: Unigram, library: Any) -> None:
    word = "abc관세" * 20_000
    assert encoded(unigram, word) == library.encode(word, add_special_tokens=False).ids
