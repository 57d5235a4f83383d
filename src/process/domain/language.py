"""Which language a document or a part of it is in, and whether a model can read that part."""

from collections.abc import Collection
from typing import Final

from shared import languages
from shared.languages import LATIN

_SAMPLE: Final = 20_000
"""Characters looked at; more changes the answer of hardly any document."""


def script_of(text: str) -> str | None:
    """The script that says most of the text, or None when it has no letters."""
    return languages.foremost(languages.weigh(text[:_SAMPLE]))


def language_of(text: str, *, default: str | None = None) -> str | None:
    """ISO 639-1 of most of the text, None when it cannot be told.

    `default` (what the text around it is in) is the answer for a text that is too short to tell, if its
    script allows.
    """
    sample = text[:_SAMPLE]
    if sample.isascii():
        return languages.language_of_words(sample, default=default)
    weights = languages.weigh(sample)
    if not weights:
        return default
    language = languages.language_of_scripts(sample, weights)
    if language is None:
        return languages.language_of_words(sample, default=default)
    return language


def is_readable(text: str, language: str | None, languages: Collection[str]) -> bool:
    """Whether a model of these `languages` can read the text, whose language was told as `language`.

    Latin text too short to tell its language is taken along: it is likeliest English; digits alone read well too.
    """
    if language is None:
        return script_of(text) in (LATIN, None)
    return language in languages
