"""Which language a query is in, by its script; enough to know whether a model can read it."""

import re
from collections.abc import Collection
from typing import Final

_SCRIPTS: Final = (
    ("ko", re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")),
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("zh", re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("th", re.compile(r"[\u0e00-\u0e7f]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
# A Hangul syllable or an ideograph says as much as two to three Latin letters.
_LETTERS_PER_SIGN: Final = 2.5
# From this share on, what the query means hangs on the words of that script.
_SHARE_THAT_COUNTS: Final = 0.2
# Words with digits or inner punctuation are codes and names: they belong to no language.
_CODE: Final = re.compile(r"[A-Za-z]*\d[\w.\-/]*|[A-Za-z0-9]+(?:[_/][A-Za-z0-9]+)+")
_LATIN: Final = re.compile(r"[A-Za-z\u00c0-\u024f]")


def language_of(text: str) -> str | None:
    """ISO 639-1; "en" for Latin script, None when there is no letter outside codes.

    In a mixed text another script wins over Latin from a fifth of the letters on, as product names and codes
    are often Latin in a sentence that is not ("sentence-transformers 사용법").
    """
    plain = _CODE.sub(" ", text)
    latin = len(_LATIN.findall(plain))
    counts = {language: len(script.findall(plain)) for language, script in _SCRIPTS}
    if counts["ja"]:
        counts["ja"] += counts.pop("zh")
    language, signs = max(counts.items(), key=lambda item: item[1])
    weight = signs * (_LETTERS_PER_SIGN if language in ("ko", "ja", "zh") else 1.0)
    if signs and weight / (weight + latin) >= _SHARE_THAT_COUNTS:
        return language
    return "en" if latin else None


def model_reads(language: str | None, languages: Collection[str]) -> bool:
    """Whether a vector of a text in this language means anything; a text of codes alone means nothing to it."""
    return language is not None and language in languages
