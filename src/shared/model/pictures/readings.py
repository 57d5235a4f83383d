"""What was read in a picture, word by word, and how well: as Tesseract tells it, or as a second look does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

GOOD: Final = 0.80
POOR: Final = 0.65


@dataclass(frozen=True, slots=True)
class Word:
    """Letters without a gap, with their place in the picture."""

    text: str
    confidence: float
    box: tuple[int, int, int, int]
    block: int
    paragraph: int
    line: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read at one look."""

    words: tuple[Word, ...]

    @property
    def confidence(self) -> float:
        """Of the words, each weighing as much as it has characters; 0 without any."""
        characters = sum(len(word.text) for word in self.words)
        return sum(len(word.text) * word.confidence for word in self.words) / characters if characters else 0.0

    @property
    def worth(self) -> float:
        """Characters that are probably right less those probably wrong: what is surer may not simply be shorter."""
        return sum(len(word.text) * (word.confidence - 0.5) for word in self.words)

    @property
    def word_height(self) -> float:
        """Pixels, of the middle one; 0 without any."""
        heights = sorted(word.box[3] - word.box[1] for word in self.words)
        return heights[len(heights) // 2] if heights else 0.0

    @property
    def is_cut_through(self) -> bool:
        """Whether nonsense stands beside what was read well: lines that were taken for two columns.

        Few characters of nonsense leave the confidence of the whole high, though half of every line is missing.
        """
        words: dict[int, list[Word]] = {}
        for word in self.words:
            words.setdefault(word.block, []).append(word)
        blocks = [Reading(tuple(block)) for block in words.values()]
        bounds = [block.bounds for block in blocks]
        read = [bound for block, bound in zip(blocks, bounds, strict=True) if block.confidence >= GOOD]
        return any(
            block.confidence < POOR and any(good[1] <= top and bottom <= good[3] for good in read)
            for block, (_, top, _, bottom) in zip(blocks, bounds, strict=True)
        )

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of all its words, of which there is at least one."""
        left, top, right, bottom = zip(*(word.box for word in self.words), strict=True)
        return min(left), min(top), max(right), max(bottom)


NOTHING: Final = Reading(())


def joined(pieces: Sequence[Word]) -> Word:
    """Pieces of one word as that word."""
    characters = sum(len(piece.text) for piece in pieces)
    return replace(
        pieces[0],
        text="".join(piece.text for piece in pieces),
        confidence=sum(len(piece.text) * piece.confidence for piece in pieces) / characters,
        box=Reading(tuple(pieces)).bounds,
    )
