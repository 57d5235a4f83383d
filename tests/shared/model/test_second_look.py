"""Words of a picture that was read badly: when a second look at one of them counts."""

from collections.abc import Callable, Sequence

import pytest
from PIL import Image

from shared.model.pictures.readings import Reading, Word
from shared.model.pictures.second_look import words_again
from shared.model.pictures.text_lines import Prepared

PICTURE = Prepared.of(Image.new("L", (400, 200), 255))


def a_word(text: str, confidence: float = 0.8, box: tuple[int, int, int, int] = (100, 50, 200, 90)) -> Word:
    return Word(text, confidence, box, block=1, paragraph=1, line=3)


def saying(*looks: Sequence[Word], sizes: list[tuple[int, int]] | None = None) -> Callable[[Prepared], Reading]:
    """Says these, one after the other, and nothing more than that."""
    waiting = list(looks)

    def read(line: Prepared) -> Reading:
        if sizes is not None:
            sizes.append(line.image.size)
        return Reading(tuple(waiting.pop(0)))

    return read


def again(word: Word, *looks: Sequence[Word]) -> Word:
    (found,) = words_again(PICTURE, Reading((word,)), saying(*looks)).words
    return found


def test_what_two_looks_agree_on_takes_the_words_place() -> None:
    sizes: list[tuple[int, int]] = []
    before = a_word("시울")
    looks = saying([a_word("서울", 0.79)], [a_word("서", 0.95), a_word("울", 0.95)], sizes=sizes)
    (after,) = words_again(PICTURE, Reading((before,)), looks).words
    assert after.text == "서울"
    assert after.confidence == pytest.approx(0.95)
    assert (after.box, after.block, after.paragraph, after.line) == (before.box, 1, 1, 3)
    # The word alone, once with little around it and once with more.
    assert sizes == [(108, 48), (124, 64)]


def test_a_third_look_decides_where_two_do_not_agree() -> None:
    assert (
        again(a_word("평앙", 0.7), [a_word("ag", 0.94)], [a_word("평양", 0.91)], [a_word("평양", 0.9)]).text == "평양"
    )


@pytest.mark.parametrize(
    "looks",
    [
        ([a_word("ag", 0.99)], [a_word("평", 0.99)], [a_word("l9", 0.99)]),
        ([], [], []),
        ([a_word("서울", 0.7)], [a_word("서울", 0.6)]),
        ([a_word("서울특별시로", 0.9)], [a_word("서울특별시로", 0.9)]),
        ([a_word("—", 0.9)], [a_word("—", 0.9)]),
    ],
    ids=["each says another", "nothing is read", "none is surer", "it is much longer", "it is no word"],
)
def test_else_the_word_stays_as_it_was(looks: Sequence[Sequence[Word]]) -> None:
    before = a_word("시울")
    assert again(before, *looks) == before


def test_only_doubtful_words_are_looked_at_and_only_of_few() -> None:
    sure, small, a_line = a_word("Seoul", 0.95), a_word("a", box=(0, 0, 9, 6)), a_word("|")
    reading = Reading((sure, small, a_line))
    assert words_again(PICTURE, reading, saying()) is reading
    page = Reading((a_word("word"),) * 200)
    assert words_again(PICTURE, page, saying()) is page


def test_a_word_at_the_edge_is_cut_within_the_picture() -> None:
    sizes: list[tuple[int, int]] = []
    edge = a_word("끝", box=(380, 180, 400, 200))
    words_again(PICTURE, Reading((edge,)), saying([], [], [], sizes=sizes))
    assert sizes == [(22, 22), (26, 26), (24, 24)]
