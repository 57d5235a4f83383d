"""Which language a text is in, told from its script and, in Latin script, from its commonest words."""

import re
from collections import Counter
from typing import Final

_SAMPLE: Final = 20_000
"""Characters looked at; more changes the answer of hardly any document."""

_SCRIPTS: Final = (
    ("hangul", re.compile("[\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]+")),
    ("kana", re.compile("[\u3041-\u30ff\uff66-\uff9d]+")),
    ("han", re.compile("[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff]+")),
    ("latin", re.compile("[A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a]+")),
    ("cyrillic", re.compile("[\u0400-\u052f]+")),
    ("greek", re.compile("[\u0370-\u03ff]+")),
    ("arabic", re.compile("[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff]+")),
    ("hebrew", re.compile("[\u0590-\u05ff]+")),
    ("thai", re.compile("[\u0e00-\u0e7f]+")),
    ("devanagari", re.compile("[\u0900-\u097f]+")),
)
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]")
_ASCII_LETTERS: Final = re.compile("[A-Za-z]+")
# A syllable or ideograph says about as much as this many letters.
_WEIGHT: Final = {"hangul": 2.5, "kana": 2.0, "han": 3.0}
# The script alone decides; others are left open (Cyrillic is Russian here unless Ukrainian letters show).
_BY_SCRIPT: Final = {"greek": "el", "arabic": "ar", "hebrew": "he", "thai": "th", "devanagari": "hi"}

_STOPWORDS: Final = {
    "en": "the of and to in is that for it with as was on be by are this from at or an which not have has were "
    "but their its can will if we they been would more all when there his her you may such shall other than these",
    "de": "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden aus "
    "er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum kann wenn nur oder",
    "fr": "le la les de des du et en un une que qui dans pour est par sur au aux avec ne pas plus se son sa ses ce "
    "cette ces il elle ils nous vous ont été sont mais ou leur comme tout fait être entre sous sans",
    "es": "el la los las de del y en un una que es por con para se su sus al lo como más no o pero este esta "
    "entre cuando muy sin sobre también me ya ha son fue desde todo nos durante hasta",
    "it": "il lo la i gli le di del della dei e in un una che è per con non si da al alla come più sono dal nel "
    "nella anche ma ha questo questa o su suo essere tra loro delle ed",
    "pt": "o a os as de do da dos das e em um uma que é por com para se não na no nas nos ao mais como foi sua seu "
    "ou pela pelo são mas também já entre quando até",
    "nl": "de het een en van in is dat op te zijn voor met die niet aan er om ook als dan maar bij of uit nog naar "
    "door over heeft worden wordt deze tot werd kan hun",
    "pl": "i w na z do się nie jest to że o jak za od po przez dla oraz są ale jego który która tym może przy tak",
    "sv": "och i att det som en på är av för med till den har de inte om ett han men var från vi kan så eller när",
    "id": "yang dan di untuk dengan dari dalam pada ini itu adalah tidak ke akan oleh juga atau telah dapat sebagai",
    "vi": "của và là các trong được cho không với một những có người này đã khi từ về",
    "tr": "ve bir bu için ile da de olarak olan daha çok gibi ne kadar ancak sonra her göre en",
}
_LANGUAGES_OF: Final[dict[str, list[str]]] = {}
for _code, _words in _STOPWORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_code)
_WORD: Final = re.compile(r"[^\W\d_]+")
LATIN_LANGUAGES: Final = frozenset(_STOPWORDS)
"""Languages in Latin script that are told apart here."""


def script_of(text: str) -> str | None:
    """The script that says most of the text, or None when it has no letters."""
    weights = _weigh(text[:_SAMPLE])
    return max(weights, key=lambda name: weights[name]) if weights else None


def language_of(text: str, *, default: str | None = None) -> str | None:
    """ISO 639-1 of most of the text, None when it cannot be told.

    `default` (what the text around it is in) is the answer for a text that is too short to tell, if its
    script allows.
    """
    sample = text[:_SAMPLE]
    weights = _weigh(sample)
    if not weights:
        return default
    total = sum(weights.values())
    # Korean and Japanese texts are full of Latin names and Chinese characters; the other way round is rare.
    if weights.get("hangul", 0.0) >= 0.3 * total:
        return "ko"
    if weights.get("kana", 0.0) >= 0.1 * total and weights.get("kana", 0.0) > weights.get("hangul", 0.0):
        return "ja"
    script = max(weights, key=lambda name: weights[name])
    if script == "latin":
        return _latin_language(sample, default)
    if script == "cyrillic":
        return "uk" if re.search("[іїєґІЇЄҐ]", sample) else "ru"
    if script == "han":
        return "zh"
    return _BY_SCRIPT.get(script)


def _weigh(sample: str) -> dict[str, float]:
    if not _NON_ASCII.search(sample):
        letters = sum(map(len, _ASCII_LETTERS.findall(sample)))
        return {"latin": float(letters)} if letters else {}
    weights: dict[str, float] = {}
    for name, pattern in _SCRIPTS:
        letters = sum(map(len, pattern.findall(sample)))
        if letters:
            weights[name] = letters * _WEIGHT.get(name, 1.0)
    return weights


def _latin_language(sample: str, default: str | None) -> str | None:
    words = [word for word in _WORD.findall(sample.lower()) if len(word) > 1][:2_000]
    if not words:
        return default
    hits = dict.fromkeys(_STOPWORDS, 0)
    for word, times in Counter(words).items():
        for code in _LANGUAGES_OF.get(word, ()):
            hits[code] += times
    best = max(hits, key=lambda code: hits[code])
    # Four of ten words of running text are in its profile; of a list of names or of "lorem ipsum" one of ten.
    least = 0.15 if len(words) >= 12 else 0.1
    if hits[best] >= max(1, least * len(words)) and (len(words) >= 4 or hits[best] >= 2):
        rivals = [code for code in hits if code != best and hits[code] >= hits[best]]
        if not rivals:
            return best
        if default in (best, *rivals):
            return default
        return "en" if "en" in (best, *rivals) else None
    return default if default in LATIN_LANGUAGES else None
