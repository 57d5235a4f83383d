"""Words of a picture that was read badly as a whole, looked at one by one.

On signs and photographs lines slope, letters stand wide apart and frames run between them: what the layout analysis
makes of it is half right, but the places of its words mostly are. A word alone is straightened and brought to the
height at which Tesseract reads best. How much of what is around it is seen decides what is read now and then: what
two looks agree on is right more often than what one look is sure of.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from shared.model.pictures.readings import Reading, Word, joined
from shared.model.pictures.text_lines import Prepared

_SURE: Final = 0.92
_MOST_WORDS: Final = 32
"""About 0.1 s each; a picture of more is a page that is too bad to be read."""
_MARGINS: Final = (0.1, 0.3, 0.2)
"""Of the word's height, around it. The last is for when the others do not agree."""
_LOWEST: Final = 8
"""Pixels: of what is lower nothing more is to be seen."""
_LENGTHS: Final = 0.34
"""How much longer or shorter the word may become: it is read differently, not another one."""


def words_again(picture: Prepared, found: Reading, read_line: Callable[[Prepared], Reading]) -> Reading:
    """What was `found`, with doubtful words as `read_line` reads them alone, where it says the same twice."""
    doubtful = [word for word in found.words if _is_doubtful(word)]
    if not doubtful or len(doubtful) > _MOST_WORDS:
        return found
    again = {id(word): _read_again(picture, word, read_line) for word in doubtful}
    return Reading(tuple(again.get(id(word), word) for word in found.words))


def _is_doubtful(word: Word) -> bool:
    return word.confidence < _SURE and word.box[3] - word.box[1] >= _LOWEST and _says_something(word.text)


def _read_again(picture: Prepared, word: Word, read_line: Callable[[Prepared], Reading]) -> Word:
    said: dict[str, float] = {}
    for margin in _MARGINS:
        pieces = read_line(_alone(picture, word, margin)).words
        if not pieces:
            continue
        second = joined(pieces)
        if second.text in said:
            surest = max(said[second.text], second.confidence)
            is_it = surest > word.confidence and _says_something(second.text) and _is_alike(second.text, word.text)
            return replace(word, text=second.text, confidence=surest) if is_it else word
        said[second.text] = second.confidence
    return word


def _alone(picture: Prepared, word: Word, margin: float) -> Prepared:
    left, top, right, bottom = word.box
    room = max(2, round(margin * (bottom - top)))
    return picture.cut((left - room, top - room, right + room, bottom + room))


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))


def _is_alike(text: str, before: str) -> bool:
    return abs(len(text) - len(before)) <= max(1, _LENGTHS * len(before))
