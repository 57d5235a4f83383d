"""Text to tokens, and a token to its terms: words, codes whole, joined and in parts, numbers, signs that are words.

The same rules for what is indexed, asked and highlighted. Stems need a library; they come in as a function.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from search.domain.acronyms import acronym, acronym_of_letters
from search.domain.british import american
from search.domain.codes import terms_of_code, terms_of_mixed, terms_of_name
from search.domain.compounds import compound_of, halves, parted
from search.domain.english import STOPWORDS, is_contraction, singular, without_possessive
from search.domain.folding import plain
from search.domain.joined_numbers import POWER, SIZE, power, size, with_fraction
from search.domain.quantities import plain_number, with_currency, with_magnitude, with_unit
from shared.patterns import pattern

Stem = Callable[[str], str]

_LATIN: Final = r"A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u0300-\u036f"
WORD_SIGN: Final = rf"[{_LATIN}0-9]"
JOINTS: Final = r"._\-/@&'·"
"""What a word may have in its middle."""
_THOUSANDS: Final = r"\d{1,3}(?:[,']\d{2,3})*[,']\d{3}(?:\.\d+)?(?!\d|[,.']\d)"
_DECIMAL_COMMA: Final = r"\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d|[,.']\d)"
"""1.250,00, as much of Europe writes what is 1,250.00 elsewhere."""
_NO_LETTER: Final = rf"[^\W\d_{_LATIN}\uac00-\ud7a3\u1100-\u11ff\u3040-\u30ff\u3131-\u318e\u3400-\u9fff\uf900-\ufaff]"
_EMOJI: Final = (
    "[\U0001f1e6-\U0001f1ff]{2}"
    "|[\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff]"
)
# The kinds of token are its groups.
TOKEN: Final = pattern(
    # Nothing begins with these: half of what is not in a token, told without trying anything else.
    r"(?![\s,;:()])(?:"
    rf"(?P<initials>(?:[A-Za-z] [&/] [A-Za-z](?<!{WORD_SIGN}.....)"
    rf"|[A-Z](?<!{WORD_SIGN}.)[A-Z]{{0,2}} [&/] [A-Z]{{1,3}})"
    rf"(?!{WORD_SIGN}|[{JOINTS}]{WORD_SIGN}))"
    # Most tokens: a word that nothing of what follows could begin with, told without trying them one by one.
    rf"|(?P<plain>[A-Za-z]+(?![{_LATIN}0-9+#^]|[{JOINTS}]{WORD_SIGN}))"
    rf"|(?P<power>{POWER}(?!{WORD_SIGN}))"
    rf"|(?<![\d.,'])(?P<size>{SIZE}(?!{WORD_SIGN}|[{JOINTS}]{WORD_SIGN})))"
    rf"|(?<![\d.,'])(?P<thousands>{_THOUSANDS})"
    rf"|(?<![\d.,'])(?P<decimalcomma>{_DECIMAL_COMMA})"
    rf"|(?P<currency>(?<!{WORD_SIGN})[A-Za-z]{{1,4}}(?={_THOUSANDS}|{_DECIMAL_COMMA}))"
    rf"|(?<![\d.,])(?P<measure>\d+\.\d+(?:[A-Za-zµμ]{{1,6}}|[kcdmKCDM]?[mM][23]|ft[23])(?!{WORD_SIGN}|[{JOINTS}]{WORD_SIGN}))"
    rf"|(?<![\w.])(?P<dotted>\.[A-Za-z]{WORD_SIGN}+(?:[._\-]{WORD_SIGN}+)*)"
    # C#8 is a language and its version, PO#1234 a word and a number.
    rf"|(?<!{WORD_SIGN})(?P<sharp>[A-Za-z](?:\+\+|\#)|[A-Za-z][A-Za-z0-9]+(?:\+\+|\#(?![0-9])))(?![A-Za-z])"
    rf"|(?P<code>{WORD_SIGN}+(?:[{JOINTS}]{WORD_SIGN}+(?!{WORD_SIGN}|\+\+|\#))+)"
    rf"|(?P<word>{WORD_SIGN}+)"
    r"|(?P<hangul>[\uac00-\ud7a3\u1100-\u11ff\u3131-\u318e]+)"
    r"|(?P<ideographs>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff々]+)"
    rf"|(?P<emoji>{_EMOJI})"
    rf"|(?P<other>{_NO_LETTER}(?:{_NO_LETTER}|[\u0300-\u036f\u0591-\u05c7\u064b-\u0652])*))"
)
_NUMBER: Final = pattern(r"\d+(?:\.\d+)?")
_MAY_BE_SPACED: Final = pattern(r"\d \d\d\d")
_SPACED_THOUSANDS: Final = pattern(r"(?<![\d.,'])(?<!\d )\d{1,3}(?: \d{3})+(?![\d.,']| \d)")
_SURE_DIGITS: Final = 6
"""With more of them, two spaces at least part thousands."""
_ORDINAL_SIGN: Final = pattern(r"(?<![A-Za-z])[Nn][OoRr]s?\.? ?\Z")
_LONGEST_ORDINAL_SIGN: Final = 5


class Terms(NamedTuple):
    """What a token stands for."""

    terms: tuple[str, ...]
    """The whole first."""
    asides: tuple[str, ...] = ()
    """Other writings and pieces: found by them too, but they say less."""


class Token(NamedTuple):
    """A stretch of a folded text and the terms it stands for; offsets in code points."""

    start: int
    end: int
    terms: tuple[str, ...]
    asides: tuple[str, ...] = ()
    is_compound: bool = False
    """Whether the last of them is what it makes with the word before it: found by that, but a query says no more."""


def tokens(text: str, stem: Stem) -> Iterator[Token]:
    """Words, codes, numbers, signs and ideographs of a folded text, in order; Hangul is left to a morpheme analyser."""
    former, former_end, former_begins = "", -2, False
    spaced = dict(_spaced_thousands(text)) if _MAY_BE_SPACED.search(text) else {}
    for match in TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind == "hangul":
            continue
        written, (start, end) = match.group(), match.span()
        terms, asides = terms_of(written, kind, stem)
        is_compound = False
        begins_with_digit = written[0].isdigit()
        may_be_magnified = begins_with_digit and (text[end : end + 1] == " " or written[-1].isalpha())
        magnified = with_magnitude(text, start) if may_be_magnified else ()
        terms += magnified  # $5M is 5,000,000 USD as much as it is 5M
        if begins_with_digit and (kind in ("thousands", "decimalcomma") or _NUMBER.fullmatch(written)):
            asides += with_unit(terms[0], text, end)
            asides += () if magnified else with_currency(terms[0], text, start)  # $5 million are no five dollars
            if end in spaced:
                asides += _with_spaces(spaced[end], text, end)
            if _ORDINAL_SIGN.search(text, max(0, start - _LONGEST_ORDINAL_SIGN), start):
                asides += (f"no{terms[0]}",)
        elif kind in ("plain", "word"):
            begins, ends = halves(written)
            if (former_begins or ends) and former_end + 1 == start and text[former_end] == " ":
                compound = former + written if former_begins else compound_of(former, written)
                if compound is not None:
                    is_compound = not former_begins
                    asides += (stem(base(plain(compound))),)
            former, former_end, former_begins = written, end, begins
        elif kind == "size":
            asides += _with_units(written, text, end)
        elif kind == "code" and "/" in written:
            number = with_fraction(text, end)
            asides += () if number is None else (number,)
        if terms:
            yield Token(start, end, terms, asides, is_compound)


def _spaced_thousands(text: str) -> Iterator[tuple[int, str]]:
    """Where each ends, and the number."""
    for match in _SPACED_THOUSANDS.finditer(text):
        yield match.end(), match.group().replace(" ", "")


def _with_spaces(number: str, text: str, end: int) -> tuple[str, ...]:
    """A number whose thousands spaces part (ISO 80000-1); three digits behind some others may be a number apart."""
    measured = with_unit(number, text, end)
    return (number, *measured) if measured or len(number) > _SURE_DIGITS else ()


def _with_units(written: str, text: str, end: int) -> tuple[str, ...]:
    """The numbers of a size, each with the unit behind the last one."""
    _, numbers = size(written)
    return tuple(one for number in numbers for one in with_unit(number, text, end))


@lru_cache(maxsize=16_384)
def terms_of(word: str, kind: str, stem: Stem) -> Terms:
    """The terms of one token; the whole comes first. `stem` must always answer the same."""
    if kind in ("plain", "word", "currency"):
        return _terms_of_word(word, stem)
    if kind == "code":
        return _terms_of_joined(word, stem)
    lower = plain(word)
    match kind:
        case "thousands":
            number = plain_number(lower)
            whole, _, decimals = number.partition(".")
            return Terms((number,), (whole,) if decimals and not decimals.strip("0") else ())
        case "sharp" if len(word.rstrip("+#")) > 1:  # Invoice# is an invoice, but C# is no C
            bare = _terms_of_word(word.rstrip("+#"), stem)
            return Terms((lower,), (*bare.terms, *bare.asides))
        case "decimalcomma":
            whole, _, decimals = lower.partition(",")
            number = whole.replace(".", "")
            return Terms((f"{number}.{decimals}",), (whole, *((number,) if not decimals.strip("0") else ())))
        case "size":
            whole, numbers = size(word)
            return Terms((whole,), tuple(dict.fromkeys(number for number in numbers if len(number) > 1)))
        case "power":
            whole, base = power(word)
            return Terms((whole,), base)
        case "initials":
            return _terms_of_joined(word.replace(" ", ""), stem)
        case "measure":
            digits = re.match(r"[\d.]+", lower)
            number = digits.group() if digits else lower
            return Terms((lower,), (number, lower[len(number) :]))
        case "dotted" if lower == ".net":  # no net of anything
            return Terms((lower,), ("dotnet",))
        case "dotted":
            bare = (
                _terms_of_joined(word[1:], stem) if re.search(r"[._\-]", word[1:]) else _terms_of_word(word[1:], stem)
            )
            return Terms((lower,), (*bare.terms, *bare.asides))
        case "ideographs" if len(word) > 1:
            return Terms(tuple(word[i : i + 2] for i in range(len(word) - 1)))
        case "ideographs" | "emoji":
            return Terms((word,))
        case "other":
            return _with_accents(word, lower, lower)
    return Terms((lower,))


def base(word: str) -> str:
    """What of a small-letter word is stemmed: its singular in American spelling."""
    return american(singular(word))


def _terms_of_word(word: str, stem: Stem) -> Terms:
    lower = plain(word)
    if word.isalpha():
        known = acronym(word)
        if known is not None:
            return Terms((known[0],), known[1])
        named = _with_accents(word, lower, stem(base(lower)))
        inner = (*terms_of_name(word), *parted(lower))
        return Terms(named.terms, (*named.asides, *(stem(base(part)) for part in inner))) if inner else named
    if lower.isdigit():
        return Terms((lower,))
    inner = terms_of_name(word)
    pieces = (*terms_of_mixed(lower), *(stem(base(part)) for part in inner))
    return Terms((lower,), tuple(dict.fromkeys(pieces)))


def _terms_of_joined(word: str, stem: Stem) -> Terms:
    """With a joint in it."""
    lower = plain(word)
    if "'" in lower:
        word = without_possessive(word)
        lower = plain(word)
        if not re.search(rf"[{JOINTS}]", lower):
            return _terms_of_word(word, stem)
        if is_contraction(lower):
            return Terms((stem(lower.replace("'", "")),))
    whole, parts, asides = terms_of_code(lower)
    if whole and not parts:
        known = acronym_of_letters(whole[0])
        if known is not None:
            return Terms((known[0],), known[1])
    terms = [*whole]
    if not whole:
        together = re.sub(rf"[{JOINTS}]", "", lower)
        terms.append(stem(base(together)))
        asides += parted(together)
    is_of_stop_words = STOPWORDS.issuperset(parts)  # AS-IS is no A/S
    for part, written in zip(parts, re.split(rf"[{JOINTS}]", word), strict=False):
        of_part = Terms((stem(part),)) if is_of_stop_words else _terms_of_word(written, stem)
        terms += of_part.terms if part else ()
        asides += of_part.asides if part else ()
    if not word.isascii():
        asides += (word.casefold(),)
    return Terms(tuple(dict.fromkeys(terms)), tuple(dict.fromkeys(one for one in asides if one not in terms)))


def _with_accents(word: str, lower: str, term: str) -> Terms:
    """The written form beside the plain one, so that what has the same accents ranks higher."""
    written = lower if word.isascii() else word.casefold()
    return Terms((term,), (written,) if written != lower else ())
