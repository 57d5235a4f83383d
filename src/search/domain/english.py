"""English words: those that say nothing, plurals that no suffix tells, and what an apostrophe leaves."""

import re
from typing import Final

_STOPWORDS: Final = (
    "a an and are as at be been but by can did do does for from had has have how i if in into is it its may of on or "
    "such than that the their them then there these they this those to was we were what when where which who whom why "
    "will with would you your about also any all been being both each he her his me more most my no nor not only our "
    "out over own same she should so some too under until up very"
)
STOPWORDS: Final = frozenset(_STOPWORDS.split())

_PLURALS: Final = (
    "children child, men man, women woman, people person, feet foot, teeth tooth, geese goose, mice mouse, lice louse, "
    "oxen ox, dice die, pence penny, leaves leaf, knives knife, lives life, wives wife, halves half, shelves shelf, "
    "selves self, calves calf, loaves loaf, thieves thief, wolves wolf, hooves hoof, scarves scarf, elves elf, "
    "wharves wharf, dwarves dwarf, sheaves sheaf, analyses analysis, bases basis, crises crisis, theses thesis, "
    "hypotheses hypothesis, parentheses parenthesis, syntheses synthesis, diagnoses diagnosis, prognoses prognosis, "
    "emphases emphasis, oases oasis, neuroses neurosis, criteria criterion, phenomena phenomenon, indices index, "
    "appendices appendix, matrices matrix, vertices vertex, vortices vortex, apices apex, codices codex, "
    "bacteria bacterium, media medium, curricula curriculum, memoranda memorandum, errata erratum, strata stratum, "
    "symposia symposium, aquaria aquarium, spectra spectrum, millennia millennium, sanatoria sanatorium, ova ovum, "
    "stimuli stimulus, nuclei nucleus, radii radius, fungi fungus, cacti cactus, foci focus, loci locus, "
    "alumni alumnus, bacilli bacillus, syllabi syllabus, termini terminus, abaci abacus, genera genus, corpora corpus, "
    "formulae formula, antennae antenna, larvae larva, algae alga, vertebrae vertebra, nebulae nebula, "
    "alumnae alumna, bureaux bureau, plateaux plateau, tableaux tableau, chateaux chateau, gateaux gateau, "
    "beaux beau, automata automaton, ganglia ganglion, polyhedra polyhedron, schemata schema, stigmata stigma, "
    "brethren brother, kine cow, axes axis, quizzes quiz, staves staff"
)
SINGULARS: Final = dict(pair.split() for pair in _PLURALS.split(", "))
"""Plural → singular of the words whose plural no stemmer tells."""
# Compounds: salesmen, grandchildren, forefeet; not what ends so by chance.
_COMPOUND: Final = re.compile(r"(\w{2,})(women|men|children|feet|teeth|mice|wives|shelves|knives)")
_ENDS_SO: Final = (
    "abdomen acumen albumen bitumen cyclamen dolmen foramen gravamen hymen lumen numen omen regimen rumen semen "
    "specimen stamen yemen culmen examen ramen amen cerumen putamen tegmen duramen catechumen"
)
_NO_COMPOUND: Final = frozenset(_ENDS_SO.split())
_POSSESSIVE: Final = re.compile(r"(?:'s|s')$")
_CONTRACTION: Final = re.compile(r".*(?:n't|'(?:re|ve|ll|d|m|t|s))")


def singular(word: str) -> str:
    """Of a small-letter word; itself where its plural is a regular one, or none."""
    known = SINGULARS.get(word)
    if known is not None:
        return known
    if word[-3:] in ("men", "ren", "eet", "eth", "ice", "ves"):
        compound = _COMPOUND.fullmatch(word)
        if compound and word not in _NO_COMPOUND:
            return compound[1] + SINGULARS[compound[2]]
    return word


def without_possessive(word: str) -> str:
    """The word before 's."""
    return _POSSESSIVE.sub(lambda match: "s" if match.group() == "s'" else "", word)


def is_contraction(word: str) -> bool:
    """Whether its apostrophe stands for left-out letters of a verb (don't, we're): no part of it is a word."""
    return _CONTRACTION.fullmatch(word) is not None
