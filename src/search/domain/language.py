"""Which language a query is in; enough to know whether a model can read it."""

import re
from collections.abc import Collection
from typing import Final

from shared.languages import LATIN, language_of_scripts, language_of_words, weigh, words_of

# From this share on, what the query means hangs on the words of other scripts than Latin.
_SHARE_THAT_COUNTS: Final = 0.2
_WORDS_THAT_COUNT: Final = 2
# Words with digits or inner punctuation are codes and names: they belong to no language. ASCII, as the counters
# that Korean, Japanese and Chinese write behind digits are words.
_CODE: Final = re.compile(r"[A-Za-z]*\d[\w.\-/]*|[A-Za-z0-9]+(?:[_/][A-Za-z0-9]+)+", re.ASCII)


def language_of(text: str) -> str | None:
    """ISO 639-1; None when there is no letter outside codes.

    As of a document, but that a query is a few words:

    - In a mixed text the other scripts decide from a fifth of the letters on, as product names and codes are often
      Latin in a sentence that is not ("sentence-transformers 사용법").
    - Latin script is "en", which models declare, unless two different words of another language show that English
      does not have ("what is de minimis" is not Dutch).
    """
    plain = _CODE.sub(" ", text)
    weights = weigh(plain)
    if not weights:
        return None
    latin = weights.pop(LATIN, 0.0)
    others = sum(weights.values())
    if others and others >= _SHARE_THAT_COUNTS * (others + latin):
        return language_of_scripts(plain, weights)
    language = language_of_words(plain, default="en")
    if language is None or language == "en":
        return "en"
    return language if len(words_of(language, plain, but_not_of="en")) >= _WORDS_THAT_COUNT else "en"


def model_reads(language: str | None, languages: Collection[str]) -> bool:
    """Whether a vector of a text in this language means anything; a text of codes alone means nothing to it."""
    return language is not None and language in languages
