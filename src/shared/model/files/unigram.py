"""The unigram tokenizer of XLM-RoBERTa (Kudo 2018, arXiv:1804.10959): a text's most probable pieces.

The tokenizers library has it too, but its trie of 250,000 pieces takes 280 MB and 1.2 s to make, where the whole
server took 0.3 GB. Here the pieces are one sorted array of hashes (5 MB, 0.2 s); substrings of all new words of a call
are looked up together, and words are remembered. tests compare the two.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from shared.model.files.e5s1 import Vocabulary

_SPACE: Final = "▁"
"""Stands before every word (SentencePiece's meta symbol)."""
_UNKNOWN_PENALTY: Final = 10.0
"""A character that no piece has costs so much more than the rarest piece (K_UNK_PENALTY of the library)."""
_FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
_WORDS_KEPT: Final = 1 << 15
_LONGEST_KEPT: Final = 64
# Looked up at once: 16 hashes of 8 bytes for each character.
_CHARACTERS_AT_ONCE: Final = 1 << 16

_Hashes = npt.NDArray[np.uint64]


class Unigram:
    """Texts to token numbers. Safe from many threads."""

    def __init__(self, vocabulary: Vocabulary, *, words_kept: int = _WORDS_KEPT) -> None:
        """Sorts the pieces' hashes (0.15 s). Raises ValueError should two of them have the same.

        `words_kept`: of the words seen, about so many are remembered. A document that spells out a mark, such as
        `</s>`, gets its letters.
        """
        self._normalisation = vocabulary.normalisation
        self._begin, self._end, self._unknown = vocabulary.begin, vocabulary.end, vocabulary.unknown
        hashes = _hashes_of(vocabulary)
        kept = np.flatnonzero((vocabulary.scores < 0) & (vocabulary.lengths > 0))
        order = kept[np.argsort(hashes[kept])]
        self._hashes = hashes[order]
        if np.any(self._hashes[1:] == self._hashes[:-1]):
            raise ValueError("two pieces of the vocabulary are the same, or have one hash")
        self._ids = order
        self._scores = vocabulary.scores[order].astype(np.float64)
        self._longest = int(vocabulary.lengths.max())
        self._unknown_score = float(vocabulary.scores.min()) - _UNKNOWN_PENALTY
        self._words: dict[str, list[int]] = {}
        self._words_kept = words_kept

    def encode(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        """Token numbers of each text, without a limit; `special` puts the marks of begin and end around them."""
        split = [self._normalised(text).split() for text in texts]
        words = self._pieces_of({word for text in split for word in text})
        encoded = []
        for text in split:
            ids = [self._begin] if special else []
            for word in text:
                ids += words[word]
            if special:
                ids.append(self._end)
            encoded.append(ids)
        return encoded

    def _normalised(self, text: str) -> str:
        """By the model's own map, which knows single characters; what they make up is composed after it."""
        if text.isascii() and text.isprintable():
            return text
        return unicodedata.normalize("NFC", text.translate(self._normalisation))

    def _pieces_of(self, words: set[str]) -> dict[str, list[int]]:
        known = self._words
        found = {word: ids for word in words if (ids := known.get(word)) is not None}
        new = [word for word in words if word not in found]
        if not new:
            return found
        found.update(self._divided(new))
        if len(known) > self._words_kept:
            # Frequent words come back with the next text; who still reads the former dictionary keeps it.
            known = self._words = {}
        known.update((word, found[word]) for word in new if len(word) <= _LONGEST_KEPT)
        return found

    def _divided(self, words: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
        first = 0
        while first < len(words):
            last, characters = first, 0
            while last < len(words) and (last == first or characters + len(words[last]) < _CHARACTERS_AT_ONCE):
                characters += len(words[last])
                last += 1
            together = [_SPACE + word for word in words[first:last]]
            starts, lengths, found = self._matches(together)
            begin = at = 0
            for word, marked in zip(words[first:last], together, strict=True):
                end, upto = begin + len(marked), at
                while upto < len(starts) and starts[upto] < end:
                    upto += 1
                matches = zip(starts[at:upto], lengths[at:upto], found[at:upto], strict=True)
                yield word, self._best_path(len(marked), [(start - begin, size, row) for start, size, row in matches])
                begin, at = end, upto
            first = last

    def _matches(self, words: Sequence[str]) -> tuple[list[int], list[int], list[int]]:
        """Every piece in the words put one after the other: where, how long, its row; by place, shorter ones first."""
        codes = _mixed("".join(words))
        ends = np.repeat(np.cumsum([len(word) for word in words]), [len(word) for word in words])
        at = np.arange(len(codes))
        hashes = np.zeros(len(codes), np.uint64)
        found: list[tuple[npt.NDArray[np.int64], int, npt.NDArray[np.int64]]] = []
        for length in range(1, self._longest + 1):
            reaches = at + length <= ends[at]
            at, hashes = at[reaches], hashes[reaches]
            hashes = hashes * _FACTOR + codes[at + length - 1]
            rows = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
            is_piece = self._hashes[rows] == hashes
            found.append((at[is_piece], length, rows[is_piece]))
        starts = np.concatenate([start for start, _, _ in found])
        order = np.argsort(starts, kind="stable")
        lengths = np.concatenate([np.full(len(start), length) for start, length, _ in found])
        rows = np.concatenate([row for _, _, row in found])
        return starts[order].tolist(), lengths[order].tolist(), rows[order].tolist()

    def _best_path(self, length: int, matches: Sequence[tuple[int, int, int]]) -> list[int]:
        """Viterbi over one word as the library does it: of equal paths the first; unknown neighbours are one token."""
        best: list[float | None] = [0.0, *([None] * length)]
        came: list[tuple[int, int]] = [(0, self._unknown)] * (length + 1)
        scores, ids = self._scores, self._ids
        at = 0
        for start in range(length):
            # Every place is reached: by a piece of one character, or as an unknown one.
            so_far = best[start] or 0.0
            has_single = False
            while at < len(matches) and matches[at][0] == start:
                _, size, row = matches[at]
                score, before = so_far + float(scores[row]), best[start + size]
                if before is None or score > before:
                    best[start + size], came[start + size] = score, (start, int(ids[row]))
                has_single = has_single or size == 1
                at += 1
            if not has_single:
                score, before = so_far + self._unknown_score, best[start + 1]
                if before is None or score > before:
                    best[start + 1], came[start + 1] = score, (start, self._unknown)
        path: list[int] = []
        place = length
        while place:
            place, piece = came[place]
            if piece != self._unknown or not path or path[-1] != piece:
                path.append(piece)
        return path[::-1]


def _hashes_of(vocabulary: Vocabulary) -> _Hashes:
    """Of each whole piece, as `_matches` rolls them over a text."""
    codes, lengths = _mixed(vocabulary.text), vocabulary.lengths
    starts = np.cumsum(lengths) - lengths
    hashes = np.zeros(len(lengths), np.uint64)
    for place in range(int(lengths.max())):
        longer = np.flatnonzero(lengths > place)
        hashes[longer] = hashes[longer] * _FACTOR + codes[starts[longer] + place]
    return hashes


def _mixed(text: str) -> _Hashes:
    """A number of 64 bits for each code point, so that sums of neighbours do not meet."""
    codes = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.uint64) + np.uint64(1)
    codes *= np.uint64(0xBF58476D1CE4E5B9)
    return codes ^ (codes >> np.uint64(29))
