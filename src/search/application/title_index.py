"""The words of the nomenclature's titles, and which codes they are said of: an inverted index in a few arrays.

Beside it a glossary: which English words Korean ones stand for, as titles in both languages show.
"""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from search.domain.tariff.nomenclature import Nomenclature
from search.domain.terms import SparseVector

_STEPS: Final = 100
"""Weights are kept in hundredths."""
_FROM_ABOVE: Final = 0.7
"""What a word of the heading counts against one of the subheading's own."""
_FROM_BELOW: Final = 0.8
"""What a word of a national line counts for its subheading, as one of its own would be 1."""
_MOST_TERMS: Final = 64

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TitleIndex:
    """Postings by term, in the order of `terms`; `places` count the codes of the nomenclature in their order."""

    analysis: str
    """The version of the analyser that made it: a query of another one would not meet its terms."""
    codes: int
    terms: npt.NDArray[np.uint32]
    """Hashes, ascending."""
    offsets: npt.NDArray[np.uint32]
    """Where the postings of each term begin, and where the last ones end."""
    places: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.uint16]
    """In hundredths."""
    said: npt.NDArray[np.uint32]
    """Hashes of Korean words, ascending, each as often as it has translations."""
    meant: npt.NDArray[np.uint32]
    """Hashes of the English words they stand for."""
    chances: npt.NDArray[np.uint16]
    """How probable each is, in hundredths."""

    @classmethod
    def build(
        cls, vectors: Sequence[SparseVector], glossary: Mapping[tuple[int, int], float], analysis: str
    ) -> "TitleIndex":
        """One vector a code, in their order; (Korean word, English word) → how probable the translation is."""
        triples = [
            (term, place, round(weight * _STEPS))
            for place, vector in enumerate(vectors)
            for term, weight in zip(vector.indices, vector.values, strict=True)
        ]
        triples.sort()
        terms, counts = np.unique(np.array([one[0] for one in triples], dtype=np.uint32), return_counts=True)
        return cls(
            analysis,
            len(vectors),
            terms,
            np.concatenate(([0], np.cumsum(counts))).astype(np.uint32),
            np.array([one[1] for one in triples], dtype=np.uint16),
            np.array([one[2] for one in triples], dtype=np.uint16),
            np.array([one[0] for one in sorted(glossary)], dtype=np.uint32),
            np.array([one[1] for one in sorted(glossary)], dtype=np.uint32),
            np.array([round(glossary[one] * _STEPS) for one in sorted(glossary)], dtype=np.uint16),
        )

    def to_bytes(self) -> bytes:
        """A line of JSON, then the arrays; places as differences, which are small."""
        gaps = np.diff(self.places, prepend=np.uint16(0))
        arrays = (self.terms, self.offsets, self.said, self.meant, gaps, self.weights, self.chances)
        sizes = (len(self.terms), len(self.places), len(self.said))
        head = {"analysis": self.analysis, "codes": self.codes, "sizes": sizes}
        packed = b"".join(one.astype(one.dtype.newbyteorder("<")).tobytes() for one in arrays)
        return json.dumps(head).encode() + b"\n" + zlib.compress(packed, 9)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "TitleIndex":
        """What `to_bytes` wrote. Raises ValueError for anything else."""
        line, _, packed = raw.partition(b"\n")
        head = json.loads(line)
        content = zlib.decompress(packed)
        terms, places, said = head["sizes"]
        layout = (("<u4", (terms, terms + 1, said, said)), ("<u2", (places, places, said)))
        arrays, start = [], 0
        for kind, counts in layout:
            for count in counts:
                arrays.append(np.frombuffer(content, kind, count, start))
                start += arrays[-1].nbytes
        return cls(
            analysis=head["analysis"],
            codes=head["codes"],
            terms=arrays[0],
            offsets=arrays[1],
            places=np.cumsum(arrays[4], dtype=np.uint16),
            weights=arrays[5],
            said=arrays[2],
            meant=arrays[3],
            chances=arrays[6],
        )

    def _postings(self, term: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
        at = int(np.searchsorted(self.terms, term))
        if at == len(self.terms) or int(self.terms[at]) != term:
            return self.places[:0], self.weights[:0]
        start, end = int(self.offsets[at]), int(self.offsets[at + 1])
        return self.places[start:end], self.weights[start:end]

    def _meanings(self, term: int) -> Iterator[tuple[int, float]]:
        """The term itself, and what it stands for in English, with how probable that is."""
        yield term, 1.0
        start, end = np.searchsorted(self.said, (term, term + 1))
        for at in range(int(start), int(end)):
            yield int(self.meant[at]), float(self.chances[at]) / _STEPS

    def own(self, terms: Sequence[int]) -> Floats:
        """A row a term, a column a code: what the term, or its translation, weighs in the code's own title."""
        rows = np.zeros((len(terms), self.codes), dtype=np.float32)
        for row, term in enumerate(terms):
            for meaning, chance in self._meanings(term):
                places, weights = self._postings(meaning)
                rows[row, places] = np.maximum(rows[row, places], weights * np.float32(chance / _STEPS))
        return rows


class Tree:
    """Which code belongs to which, as places in the nomenclature's order."""

    def __init__(self, nomenclature: Nomenclature) -> None:
        self.codes: Final = tuple(nomenclature)
        place_of = {code: place for place, code in enumerate(self.codes)}
        self.level: Final = np.array([len(code) for code in self.codes])
        parents = [place_of.get(code[: max(2, len(code) - (4 if len(code) == 10 else 2))], 0) for code in self.codes]
        self.parent: Final = np.array(parents)

    @cached_property
    def levels(self) -> Mapping[int, npt.NDArray[np.int64]]:
        """Places of the codes of each level."""
        return {level: np.flatnonzero(self.level == level) for level in (2, 4, 6, 10)}


@dataclass(frozen=True, slots=True)
class Scored:
    """A code, what it scored, and how much of the query it accounts for (0 to 1)."""

    code: str
    score: float
    share: float


def ranked(index: TitleIndex, tree: Tree, query: Mapping[int, float], *, level: int, limit: int) -> Sequence[Scored]:
    """The codes of a level by what their titles, those above and those below have of the query; best first.

    `query` is term → weight. A term counts once: where it is said best, in the code's own title or, for less, above
    or below it. Thus "Other" takes the words of its parent.
    """
    terms = sorted(query, key=lambda term: (-query[term], term))[:_MOST_TERMS]
    if not terms:
        return ()
    own = index.own(terms)
    counts = np.count_nonzero(own, axis=1)
    # How telling a term is: its inverse document frequency; one that no title has is the most telling of all.
    weights = np.log1p((index.codes - counts + 0.5) / (counts + 0.5)) * [query[term] for term in terms]
    told = own.copy()
    for step in (4, 6, 10):
        here = tree.levels[step]
        told[:, here] = np.maximum(told[:, here], _FROM_ABOVE * told[:, tree.parent[here]])
    lifted = own
    for step in (10, 6, 4):
        if step <= level:
            break
        here = tree.levels[step]
        # Codes are in order, so that the children of one stand side by side.
        parents, firsts = np.unique(tree.parent[here], return_index=True)
        raised = np.zeros_like(lifted)
        raised[:, parents] = np.maximum.reduceat(lifted[:, here], firsts, axis=1)
        lifted = np.maximum(lifted, _FROM_BELOW * raised)
    places = tree.levels[level]
    best = np.maximum(told[:, places], lifted[:, places])
    scores = weights @ best
    shares = weights @ np.minimum(best, 1.0) / max(float(weights.sum()), 1e-9)
    order = np.lexsort((places, -scores))[:limit]
    return tuple(
        Scored(tree.codes[int(places[one])], float(scores[one]), float(shares[one])) for one in order if scores[one] > 0
    )
