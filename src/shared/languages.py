"""Which scripts and which language a text is in: one table, so that documents and queries are told alike.

What a document or a query asks beyond this (what is left out of it, what is said when nothing can be told) stands
in the module whose rule it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.patterns import pattern


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its letters as ranges of a character class, and what they say."""

    name: str
    ranges: str
    language: str | None = None
    """ISO 639-1 of a text that is mostly in it; None when the script leaves that open."""
    weight: float = 1.0
    """A syllable or ideograph says about as much as this many letters."""


LATIN: Final = "latin"
SCRIPTS: Final = (
    Script("hangul", "\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e", "ko", weight=2.5),
    Script("kana", "\u3041-\u30ff\uff66-\uff9d", "ja", weight=2.0),
    Script("han", "\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff", "zh", weight=3.0),
    Script(LATIN, "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"),
    # Russian unless letters show that only Ukrainian has.
    Script("cyrillic", "\u0400-\u052f", "ru"),
    Script("greek", "\u0370-\u03ff", "el"),
    Script("arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff", "ar"),
    Script("hebrew", "\u0590-\u05ff", "he"),
    Script("thai", "\u0e00-\u0e7f", "th"),
    Script("devanagari", "\u0900-\u097f", "hi"),
)
_LETTERS: Final = tuple((script.name, pattern(f"[{script.ranges}]+"), script.weight) for script in SCRIPTS)
# Most texts here have no other script, and are told after three looks instead of ten.
_FREQUENT: Final = ("hangul", LATIN)
_FREQUENT_LETTERS: Final = tuple(letters for letters in _LETTERS if letters[0] in _FREQUENT)
_RARER: Final = pattern(f"[{''.join(script.ranges for script in SCRIPTS if script.name not in _FREQUENT)}]")
_LANGUAGE: Final = {script.name: script.language for script in SCRIPTS}
_NO_ASCII_LETTERS: Final = bytes(code for code in range(256) if code > 127 or not chr(code).isalpha())
_ASCII: Final = bytes(range(128))
_UKRAINIAN: Final = pattern("[іїєґІЇЄҐ]")

_COMMON_WORDS: Final = {
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
_LANGUAGES_OF: Final[dict[str, tuple[str, ...]]] = {}
for _code, _words in _COMMON_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _code)
_WORD: Final = pattern(r"[^\W\d_]+")
_WESTERN: Final = "cp1252"
"""Of one byte a sign, with the quotation marks and dashes of printed text."""
_LETTERS_APART: Final = "".join(
    sign if _WORD.match(sign) else " " for sign in map(str.lower, bytes(range(256)).decode(_WESTERN, "replace"))
).encode(_WESTERN)
"""Letters in lower case, spaces for all else."""
_WESTERN_SIGNS: Final = frozenset(bytes(range(256)).decode(_WESTERN, "ignore"))
_LONG: Final = 500
"""Characters of a text whose different signs are looked at before all of it is."""
_MOST_WORDS: Final = 2_000


def weigh(text: str) -> dict[str, float]:
    """How much each script says in the text, by its name; scripts without a letter in it are absent."""
    if text.isascii():
        letters = len(text.encode().translate(None, _NO_ASCII_LETTERS))
        return {LATIN: float(letters)} if letters else {}
    encoded = text.encode("utf-8", "surrogatepass")
    letters = len(encoded.translate(None, _NO_ASCII_LETTERS))
    weights: dict[str, float] = {}
    beyond = _beyond_ascii(encoded)
    # A long text has few different signs: each is looked at once to see which scripts are there.
    different = beyond if len(beyond) < _LONG else "".join(set(beyond))
    for name, letter_runs, weight in _LETTERS if _RARER.search(different) else _FREQUENT_LETTERS:
        if different is not beyond and name != LATIN and not letter_runs.search(different):
            continue
        signs = sum(map(len, letter_runs.findall(beyond))) + (letters if name == LATIN else 0)
        if signs:
            weights[name] = signs * weight
    return weights


def _beyond_ascii(encoded: bytes) -> str:
    """The signs of a text in UTF-8 that ASCII lacks."""
    return encoded.translate(None, _ASCII).decode("utf-8", "surrogatepass")


def foremost(weights: Mapping[str, float]) -> str | None:
    """The script that says most, or None when there is no letter."""
    return max(weights, key=weights.__getitem__) if weights else None


def language_of_scripts(text: str, weights: Mapping[str, float]) -> str | None:
    """The language that the scripts of the text decide; None where Latin says most, or nothing does."""
    if len(weights) == 1 and LATIN in weights:
        return None
    total = sum(weights.values())
    hangul, kana = weights.get("hangul", 0.0), weights.get("kana", 0.0)
    # Korean and Japanese texts are full of Latin names and Chinese characters; the other way round is rare.
    if hangul and hangul >= 0.3 * total:
        return "ko"
    if kana > hangul and kana >= 0.1 * total:
        return "ja"
    script = foremost(weights)
    if script is None:
        return None
    if script == "cyrillic" and _UKRAINIAN.search(text):
        return "uk"
    return _LANGUAGE[script]


def language_of_words(text: str, *, default: str | None = None) -> str | None:
    """The language whose commonest words a text in Latin script has most of.

    `default` is the answer when it is among several that have as many; when none has enough, if it is written in
    Latin script; and when there is no word of two letters.
    """
    words = [word for word in _words_in(text) if len(word) > 1][:_MOST_WORDS]
    if not words:
        return default
    # Counted by the languages that have a word, which are few different ones.
    found: dict[tuple[str, ...], int] = {}
    for codes in filter(None, map(_LANGUAGES_OF.get, words)):
        found[codes] = found.get(codes, 0) + 1
    hits: dict[str, int] = {}
    for codes, count in found.items():
        for code in codes:
            hits[code] = hits.get(code, 0) + count
    most = max(hits.values(), default=0)
    # Four of ten words of running text are in its profile; of a list of names or of "lorem ipsum" one of ten.
    least = 0.15 if len(words) >= 12 else 0.1
    if most >= max(1, least * len(words)) and (len(words) >= 4 or most >= 2):
        best = [code for code, times in hits.items() if times == most]
        if len(best) == 1:
            return best[0]
        if default in best:
            return default
        return "en" if "en" in best else None
    return default if default in _COMMON_WORDS else None


def _words_in(text: str) -> list[str]:
    """In lower case, without figures."""
    if text.isascii():
        return text.encode().translate(_LETTERS_APART).decode().split()
    try:
        western = text.encode(_WESTERN)
    except UnicodeEncodeError:
        others = set(_beyond_ascii(text.encode("utf-8", "surrogatepass"))) - _WESTERN_SIGNS
        if any(map(_WORD.match, others)):
            return _WORD.findall(text.lower())
        western = text.encode(_WESTERN, "replace")  # bullets, arrows, mathematical signs
    return western.translate(_LETTERS_APART).decode(_WESTERN).split()


def words_of(language: str, text: str, *, but_not_of: str) -> set[str]:
    """The different words of the text that are among a language's commonest and not among the other's."""
    found = {word for word in _words_in(text) if len(word) > 1}
    codes = {word: _LANGUAGES_OF.get(word, ()) for word in found}
    return {word for word, of in codes.items() if language in of and but_not_of not in of}
