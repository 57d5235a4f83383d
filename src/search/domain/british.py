"""British words as American ones: colour and color, aluminium and aluminum, organisation and organization are one term.

Tariffs and standards are written one way, those who look for something write either. Which way it goes does not matter
as long as both sides go it.
"""

from collections.abc import Iterator
from typing import Final

from shared.patterns import pattern

_ROOT_PAIRS: Final = (
    "colour color, favour favor, honour honor, labour labor, harbour harbor, neighbour neighbor, behaviour "
    "behavior, flavour flavor, humour humor, rumour rumor, tumour tumor, vapour vapor, vigour vigor, endeavour "
    "endeavor, odour odor, armour armor, candour candor, rigour rigor, savour savor, splendour splendor, clamour "
    "clamor, parlour parlor, ardour ardor, fervour fervor, saviour savior, demeanour demeanor, mould mold, moult "
    "molt, plough plow, aluminium aluminum, sulph sulf, grey gray, cheque check, fibre fiber, centred centered, "
    "centring centering, centre center, calibre caliber, aemi emi, anaesth anesth, paed ped, oesoph esoph, oestr "
    "estr, foetal fetal, foetus fetus, gynaec gynec, rrhoea rrhea, aetiolog etiolog, palaeo paleo, archaeo archeo, "
    "homoeo homeo, leucocyt leukocyt, oedema edema, caesium cesium, haemo hemo, haema hema, faece fece, manoeuvr "
    "maneuver, sceptic skeptic, artefact artifact, enquir inquir, moustache mustache, practis practic, yoghurt "
    "yogurt, judgement judgment, acknowledgement acknowledgment, focuss focus, draught draft"
)
"""Wherever in a word they stand."""
_WORD_PAIRS: Final = (
    "tyre tire, kerb curb, programme program, catalogue catalog, dialogue dialog, analogue analog, litre liter, "
    "millilitre milliliter, metre meter, kilometre kilometer, centimetre centimeter, millimetre millimeter, "
    "theatre theater, spectre specter, sabre saber, defence defense, offence offense, licence license, pretence "
    "pretense, storey story, disc disk, instalment installment, enrolment enrollment, fulfilment fulfillment, "
    "aeroplane airplane, speciality specialty, dependant dependent, counsellor counselor, skilful skillful, wilful "
    "willful, woollen woolen, marvellous marvelous, ageing aging, sombre somber, meagre meager, lustre luster, "
    "cosy cozy, pyjamas pajamas, maths math, doughnut donut, towards toward, whilst while, amongst among, "
    "catalogued cataloged, jewellery jewelry, manoeuvre maneuver"
)
"""Whole, and in the plural."""
_BOTH: Final = (
    "advertis advis appris chastis circumcis compris compromis concis demis devis enterpris excis exercis exorcis "
    "expertis franchis improvis incis merchandis moonris paradis precis premis promis repris revis sunris supervis "
    "surmis surpris televis treatis upris"
)
_S_IN_BOTH: Final = frozenset(_BOTH.split())
"""What is spelled with an s on both sides, without its end."""


def _pairs(table: str) -> dict[str, str]:
    return dict(pair.split() for pair in table.split(", "))


_ROOTS: Final = _pairs(_ROOT_PAIRS)
"""British → American."""
_WORDS: Final = _pairs(_WORD_PAIRS)
"""The same of words that are no part of others."""
_ROOT: Final = pattern("|".join(_ROOTS))
_BRITISH_OF: Final[dict[str, list[str]]] = {}
for _british, _american in _ROOTS.items():
    _BRITISH_OF.setdefault(_american, []).append(_british)
_BY_HEAD: Final[dict[str, list[tuple[str, str]]]] = {}
for _british, _american in _WORDS.items():
    _BY_HEAD.setdefault(_american[:2], []).append((_british, _american))
_AMERICAN_ROOT: Final = pattern("|".join(sorted(_BRITISH_OF, key=len, reverse=True)))
_WITH_Z: Final = pattern(r"([a-z]{2,}[^aeiou\W])is(e|ed|es|er|ers|ing|ation|ations|ational)")
_WITH_YZ: Final = pattern(r"(anal|paral|catal|hydrol|dial|electrol)ys(e|ed|ing|ers?)")


def american(word: str) -> str:
    """Of a small-letter word in the singular."""
    known = _WORDS.get(word) or _WORDS.get(word.removesuffix("s"))
    if known is not None:
        return known
    word = _ROOT.sub(lambda match: _ROOTS[match[0]], word)
    match = _WITH_Z.fullmatch(word)
    if match is not None and f"{match[1]}is" not in _S_IN_BOTH and not match[1].endswith("w"):  # likewise
        return f"{match[1]}iz{match[2]}"
    match = _WITH_YZ.fullmatch(word)
    return word if match is None else f"{match[1]}yz{match[2]}"


def british_beginnings(stem: str) -> Iterator[tuple[int, str]]:
    """Where in a stem, and with what, the British words begin to differ that it stands for."""
    for british, word in _BY_HEAD.get(stem[:2], ()) if len(stem) > 2 else ():
        if word.startswith(stem[:-1]):
            yield 0, british[: max(3, len(stem) - 2)]
    for match in _AMERICAN_ROOT.finditer(stem):
        for british in _BRITISH_OF[match[0]]:
            yield match.start(), british[:-1]
