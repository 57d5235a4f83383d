"""Makes the index of the nomenclature's titles, with the same analysis as everything that is searched."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from search.application.ports.analysis import Analyzer
from search.application.title_index import TitleIndex
from search.domain.tariff.nomenclature import OTHER, Nomenclature
from shared.patterns import pattern

# What a title leaves out is no word for what it names: "telephone sets; other than smartphones".
_LEFT_OUT: Final = pattern(
    r"\b(?:excluding|excl\.?|other than|except(?: for)?|not including|but not|whether or not)\b[^;)\]]*"
    r"|[^,([;ㆍ]*[은는]\s*제외(?:한다|하며|하고)?|\bn\.e\.[cs]\.[^;]*",
    re.IGNORECASE,
)


_ROUNDS: Final = 6
_LEAST_CHANCE: Final = 0.2
_MOST_MEANINGS: Final = 4
_LONGEST: Final = 40
"""Terms of a title beyond which it says little of which word stands for which."""

Terms = tuple[int, ...]


async def title_index(nomenclature: Nomenclature, analyzer: Analyzer) -> TitleIndex:
    """Analyses every title: seconds. Raises Unavailable while the analyser cannot be loaded."""
    texts = [_named(nomenclature, code) for code in nomenclature]
    entries = [nomenclature[code] for code in nomenclature]
    both = [
        (one.title_ko, one.title_en)
        for one in entries
        if one.title_ko and one.title_en and not OTHER & {one.title_ko, one.title_en}
    ]
    korean = await analyzer.chunks([one for one, _ in both])
    english = await analyzer.chunks([other for _, other in both])
    pairs = [(one.indices, other.indices) for one, other in zip(korean, english, strict=True)]
    return TitleIndex.build(await analyzer.chunks(texts), glossary(pairs), analyzer.version)


def glossary(pairs: Sequence[tuple[Terms, Terms]]) -> dict[tuple[int, int], float]:
    """(Term of a first title, term of the second) → the probability that the first stands for the second.

    Of titles that say the same in two languages: the expectation maximisation of IBM's model 1 (Brown et al., "The
    Mathematics of Statistical Machine Translation", 1993).
    """
    pairs = [(first, second) for first, second in pairs if 0 < len(first) <= _LONGEST and 0 < len(second) <= _LONGEST]
    chances: dict[tuple[int, int], float] = {}
    for _ in range(_ROUNDS):
        counts: defaultdict[tuple[int, int], float] = defaultdict(float)
        totals: defaultdict[int, float] = defaultdict(float)
        for first, second in pairs:
            for meant in second:
                shares = [chances.get((said, meant), 0.0) if chances else 1.0 for said in first]
                whole = sum(shares) or 1.0
                for said, share in zip(first, shares, strict=True):
                    counts[said, meant] += share / whole
                    totals[said] += share / whole
        chances = {(said, meant): count / totals[said] for (said, meant), count in counts.items() if count > 1e-6}
    found: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for (said, meant), chance in chances.items():
        # What both languages write alike (DVD, 8471) needs no translation.
        if chance >= _LEAST_CHANCE and said != meant:
            found[said].append((chance, meant))
    return {
        (said, meant): chance
        for said, meanings in found.items()
        for chance, meant in sorted(meanings, reverse=True)[:_MOST_MEANINGS]
    }


def _named(nomenclature: Nomenclature, code: str) -> str:
    entry = nomenclature[code]
    titles = [one for one in (entry.title_en, entry.title_ko, entry.goods_ko) if one and one not in OTHER]
    return "\n".join(_LEFT_OUT.sub(" ", one) for one in titles)
