"""Chunks are slices of the text, cover it, and stay within their limits."""

import time
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from process_builders import count_tokens

from process.domain.chunking import Piece, chunk
from process.domain.passages import passage_prefix, passage_text
from process.domain.sizes import Limits

ENGLISH = "The importer shall declare the goods to customs within thirty days of their arrival at the port. "
KOREAN = "수입자는 물품이 항구에 도착한 날부터 삼십 일 이내에 세관에 신고하여야 한다. "


@dataclass(frozen=True)
class B:
    kind: str
    start: int
    end: int
    level: int = 0
    page: int | None = None


@dataclass(frozen=True)
class C:
    text: str
    headings: tuple[str, ...] = ()


def build(*parts: tuple[str, str] | tuple[str, str, int]) -> tuple[str, list[B]]:
    text, blocks = "", []
    for part in parts:
        text += "\n\n" if text else ""
        blocks.append(B(part[0], len(text), len(text) + len(part[1]), part[2] if len(part) > 2 else 0, 1))
        text += part[1]
    return text, blocks


def cut(text: str, blocks: list[B], title: str | None = None, language: str | None = "en") -> list[Piece]:
    return chunk(text, blocks, count_tokens=count_tokens, title=title, language=language)


WORDS = st.sampled_from(
    [
        "a",
        "duty",
        "customs.",
        "8471.30",
        "e.g.",
        "관세를",
        "신고한다.",
        "進口貨物。",
        "x" * 300,
        "ok!",
        "\n",
        "(1)",
        "…",
    ]
)
PARTS = st.lists(
    st.tuples(
        st.sampled_from(["paragraph", "heading", "list_item", "table", "code", "title"]),
        st.lists(WORDS, min_size=1, max_size=120).map(" ".join).filter(lambda text: bool(text.strip())),
        st.integers(1, 4),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(PARTS, st.sampled_from([None, "Tariff schedule"]), st.sampled_from(["en", "ko", None]))
def test_chunks_cover_the_text_in_order_within_the_limits(
    parts: list[tuple[str, str, int]], title: str | None, language: str | None
) -> None:
    text, blocks = build(*parts)
    limits = Limits()
    pieces = chunk(text, blocks, count_tokens=count_tokens, title=title, language=language, limits=limits)
    covered = [False] * len(text)
    for piece in pieces:
        body = text[piece.start : piece.end]
        assert body and body == body.strip()
        covered[piece.start : piece.end] = [True] * (piece.end - piece.start)
        if not any("가" <= sign <= "힣" or "\u4e00" <= sign <= "\u9fff" for sign in text) and language != "ko":
            assert count_tokens([passage_text(title, C(body, piece.headings))])[0] <= limits.tokens
        else:
            assert len(body.split()) <= max(limits.words, limits.tokens)
    assert all(before.start < after.start and before.end < after.end for before, after in pairwise(pieces))
    assert all(covered[i] for i, sign in enumerate(text) if not sign.isspace())


def test_no_chunk_holds_all_of_the_one_before_it() -> None:
    words = "duty " * 134
    text, blocks = build(
        ("paragraph", words + "end."), ("paragraph", "A short one."), ("paragraph", "Another."), ("paragraph", words)
    )
    pieces = cut(text, blocks, language="ko")
    assert any("Another." in text[piece.start : piece.end] for piece in pieces)
    assert all(before.start < after.start for before, after in pairwise(pieces))


def test_a_short_document_is_one_chunk() -> None:
    text, blocks = build(
        ("heading", "Scope", 1), ("paragraph", ENGLISH * 2), ("heading", "Terms", 1), ("paragraph", ENGLISH)
    )
    (piece,) = cut(text, blocks, title="Customs")
    assert text[piece.start : piece.end] == text.strip()
    assert (piece.language, piece.headings) == ("en", ("Scope",))


def test_sections_that_are_not_small_get_chunks_of_their_own() -> None:
    text, blocks = build(
        ("heading", "Duties", 1), ("paragraph", ENGLISH * 7), ("heading", "Refunds", 1), ("paragraph", ENGLISH * 7)
    )
    first, second = cut(text, blocks)
    assert (first.headings, second.headings) == (("Duties",), ("Refunds",))
    assert text[second.start : second.end].startswith("Refunds")


def test_small_sections_share_a_chunk() -> None:
    parts = [part for number in range(40) for part in (("heading", f"Rule {number}", 2), ("paragraph", ENGLISH))]
    text, blocks = build(*parts)
    pieces = cut(text, blocks)
    assert len(pieces) <= 20


def test_long_text_is_cut_at_sentences_into_even_chunks_with_overlap() -> None:
    sentences = "".join(f"Sentence number {n} tells about duties and their payment in some words. " for n in range(120))
    text, blocks = build(("paragraph", sentences.strip()))
    pieces = cut(text, blocks)
    lengths = [piece.end - piece.start for piece in pieces]
    assert min(lengths) > 0.5 * max(lengths)
    for before, after in pairwise(pieces):
        assert text[after.start :].startswith("Sentence number")
        assert before.start < after.start <= before.end + 1
        assert before.end - after.start <= 0.2 * (before.end - before.start)
    assert any(after.start < before.end for before, after in pairwise(pieces))


def test_korean_is_measured_in_eojeol() -> None:
    text, blocks = build(("paragraph", (KOREAN * 60).strip()))
    pieces = cut(text, blocks, language="ko")
    assert {piece.language for piece in pieces} == {"ko"}
    assert all(50 <= len(text[piece.start : piece.end].split()) <= 100 for piece in pieces)
    assert all(text[piece.start : piece.end].endswith("한다.") for piece in pieces)


def test_scripts_without_spaces_are_measured_in_characters() -> None:
    text, blocks = build(("paragraph", "進口貨物應當繳納關稅，" * 400))
    pieces = cut(text, blocks, language="zh")
    assert all(piece.end - piece.start <= 650 for piece in pieces)


def test_a_table_that_fits_is_kept_whole() -> None:
    table = "\n".join(f"row {n}\t84{n:02d}.30\t{n}%" for n in range(20))
    text, blocks = build(("paragraph", ENGLISH * 6), ("table", table), ("paragraph", ENGLISH * 6))
    holding = [piece for piece in cut(text, blocks) if "row 3\t" in text[piece.start : piece.end]]
    assert len(holding) == 1
    assert table in text[holding[0].start : holding[0].end]


def test_a_long_table_is_cut_between_rows_and_its_head_stays_with_the_first_row() -> None:
    rows = "\n".join(f"Goods of the kind number {n}\t8471.{n:02d}\t{n} percent" for n in range(99))
    text, blocks = build(("table", "Description\tCode\tRate\n" + rows))
    pieces = cut(text, blocks)
    assert len(pieces) > 3
    assert {piece.kind for piece in pieces} == {"table"}
    assert all(text[piece.start : piece.end].startswith(("Description", "Goods")) for piece in pieces)
    assert "number 0" in text[pieces[0].start : pieces[0].end]


def test_a_heading_stays_with_what_follows_it() -> None:
    parts: list[tuple[str, str, int]] = []
    for number in range(8):
        parts += [("heading", f"Chapter {number}", 1), ("paragraph", ENGLISH * 9, 0)]
    text, blocks = build(*parts)
    for piece in cut(text, blocks):
        assert not text[piece.start : piece.end].splitlines()[-1].startswith("Chapter")


@pytest.mark.parametrize("words", range(200, 380, 20))
def test_no_heading_is_alone_above_a_sentence_that_nearly_fills_a_chunk(words: int) -> None:
    heading = (
        "Effects of a simulated rocket jet on the stability and control of a research airplane at a Mach number of 6"
    )
    endless = " ".join(f"item{number % 7}" for number in range(words))
    text, blocks = build(("heading", heading, 1), ("paragraph", endless))
    pieces = cut(text, blocks, title=heading)
    assert not [piece for piece in pieces if piece.kind == "heading"]
    assert pieces[0].start == 0 and pieces[-1].end == len(text)


def test_a_word_is_not_cut_for_the_sake_of_its_heading() -> None:
    word, heading = "x" * 1_100, ("word " * 40).strip()
    text, blocks = build(("heading", heading, 1), ("paragraph", word))
    assert [text[piece.start : piece.end] for piece in cut(text, blocks)] == [heading, word]


def test_english_inside_a_korean_document_is_measured_in_tokens() -> None:
    text, blocks = build(("paragraph", (KOREAN * 30).strip()), ("paragraph", (ENGLISH * 40).strip()))
    pieces = cut(text, blocks, language="ko")
    english = [piece for piece in pieces if piece.language == "en"]
    assert len(english) >= 3
    assert all(count_tokens([text[piece.start : piece.end]])[0] <= 254 for piece in english)


def test_text_without_any_space_is_cut_hard() -> None:
    text, blocks = build(("paragraph", "x" * 20_000))
    pieces = cut(text, blocks, language=None)
    assert "".join(text[piece.start : piece.end] for piece in pieces) == text


def test_an_empty_document_has_no_chunks() -> None:
    assert cut("", []) == []
    assert cut(" \n ", []) == []


def test_takes_time_in_proportion_to_length() -> None:
    def seconds(sentences: int) -> float:
        text, blocks = build(("paragraph", ENGLISH * sentences))
        started = time.process_time()
        cut(text, blocks)
        return time.process_time() - started

    seconds(100)
    assert seconds(8_000) <= 30 * max(seconds(1_000), 0.01)


def test_the_passage_says_nothing_twice() -> None:
    assert passage_text("Customs Act", C("Customs Act\n\nArticle 1")) == "Customs Act\n\nArticle 1"
    assert passage_text("Customs Act", C("Duties are due.", ("Part I", "Duties"))) == (
        "Customs Act. Part I\nDuties are due."
    )
    assert passage_text(None, C("Text")) == "Text"


@pytest.mark.parametrize("title", ["t" * 500, "word " * 100, None])
def test_the_prefix_is_short_however_long_the_names_are(title: str | None) -> None:
    assert len(passage_prefix(title, ("heading " * 50, "inner " * 50))) <= 164
