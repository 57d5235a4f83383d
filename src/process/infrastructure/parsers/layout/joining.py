"""How two lines of a paragraph are put together: hyphens at line ends, Korean words that a line break cut."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.layout.segment import Line

BREAKING_HYPHENS: Final = ("\x02", "\ufffe", "\u00ad")
"""What PDFium writes for a hyphen at a line's end, and the soft hyphen itself."""
_HYPHENS: Final = (*BREAKING_HYPHENS, "-", "\u2010", "\u2011")
_LAST_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*\Z")
_FIRST_WORD: Final = re.compile(r"[^\W_]+")
_WORD: Final = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_WORDS_APART: Final = bytes(code if chr(code).isalpha() or code in b"-" else ord(" ") for code in range(256)).lower()
"""Letters in lower case and hyphens, spaces for all else."""
_CUTTABLE_END: Final = re.compile(r"[가-힣a-zA-Z0-9%”’\")\]」』》〉】]\Z")
"""What a particle or an ending may follow without a space."""
_EOJEOL: Final = re.compile(r"[가-힣]+")
_PREFIXES_TEXT: Final = (
    "ab ad anti auto be bi bio co col com con contra counter de di dis electro em en ex extra for fore hydro "
    "hyper im in infra inter intra ir macro mal mega meta micro mini mis mono multi neo non over para photo poly "
    "post pre pro proto pseudo psycho re retro semi sub super sur syn tele thermo trans tri ultra un under uni up"
)
_PREFIXES: Final = frozenset(_PREFIXES_TEXT.split())
"""They are written together with what follows, and words by themselves only by chance."""
_OFTEN_APART: Final = frozenset(("ex", "non"))
"""Of these: before whole words they mostly keep their hyphen."""
_FIRST: Final = frozenset(("to", "of", "by", "on"))
_SMALL: Final = _FIRST | frozenset(("in", "up", "at", "off", "out", "or", "and", "the", "a", "for"))
"""Words that English hyphenation leaves whole, and which the common words here lack where they have two letters."""
# No eojeol is one of these alone: who finds one at a line's beginning has the end of a word before him.
_ENDINGS_TEXT: Final = (
    "을 를 은 는 의 에 에서 에게 에는 에도 에서는 으로 로 으로서 으로써 로서 로써 으로는 로는 와 과 까지 부터 "
    "고 며 서 게 던 니 기 으며 으면 므로 으므로 도록 거나 지만 다고 라고 라는 다는 였다 었다 았다 습니다 습니까"
)
_ENDINGS: Final = frozenset(_ENDINGS_TEXT.split())
_LAST_SYLLABLES: Final = frozenset("다요까죠")
"""With a full stop behind it, each ends a sentence and its word."""
# Syllables that are stems or beginnings and stand alone nowhere: a line that ends so breaks a word.
_BEGINNINGS: Final = frozenset("하되받없같렇떻")
_OF_STEMS: Final = frozenset((6, 15, 20))
"""Finals (ㄶ, ㅀ, ㅆ, in Unicode's order) that only stems of verbs have."""
_ENOUGH_SPACED: Final = 3


class Joiner:
    """Puts the lines of a document's paragraphs together; looks at all of its lines first."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._breaks_in_words = _breaks_in_words(lines)
        self._words: frozenset[str] | None = None
        self._eojeols: frozenset[str] | None = None

    def joined(self, run: Sequence[Line]) -> str:
        """The text of a paragraph."""
        if len(run) == 1:
            return with_hyphen(run[0].text)
        parts = [run[0].text]
        for line, following in pairwise(run):
            if ends_in_hyphen(line.text):
                parts[-1] = parts[-1][:-1] + self._hyphen(line.text, following.text)
            elif line.spaced or not self._is_cut(line.text, following.text):
                parts.append(" ")
            parts.append(following.text)
        return with_hyphen("".join(parts))

    def _hyphen(self, before: str, behind: str) -> str:
        """What stands between the two lines in place of the hyphen: nothing, or a hyphen."""
        if before.endswith("\u00ad"):
            return ""
        left, right = _LAST_WORD.search(before[:-1]), _FIRST_WORD.match(behind)
        if left is None or right is None:
            return "-"
        last = left[0].rpartition("-")[2]
        next_to_it = last[-1] + right[0][0]
        # Part numbers, names and Korean are not divided with hyphens: these are theirs.
        if any(sign.isdigit() or sign.isupper() or sign >= "\u1100" for sign in next_to_it) or len(last) == 1:
            return "-"
        whole = (last + right[0]).lower()
        if self._words is None:
            self._words = _words_of(self._lines)
        if whole in self._words:
            return ""
        if f"{left[0]}-{right[0]}".lower() in self._words:
            return "-"
        if whole in _english():
            return ""
        goes_on = "-" in left[0] or behind[len(right[0]) : len(right[0]) + 1] == "-"
        return "-" if _are_two_words(last.lower(), right[0].lower(), goes_on) else ""

    def _is_cut(self, before: str, behind: str) -> bool:
        """Whether the line break stands inside a Korean word."""
        first = _EOJEOL.match(behind)
        if first is None or not _CUTTABLE_END.search(before):
            return False
        if self._breaks_in_words:
            return True
        word = first[0]
        following = behind[len(word) : len(word) + 1]
        if word in _ENDINGS and following in (" ", ",", "."):
            return True
        if word in _LAST_SYLLABLES and following == ".":
            return True
        last = before.rpartition(" ")[2]
        if last in _BEGINNINGS or ("가" <= last[-1:] <= "힣" and (ord(last[-1]) - ord("가")) % 28 in _OF_STEMS):
            return True
        if not _EOJEOL.fullmatch(last):
            return False
        if self._eojeols is None:
            self._eojeols = _eojeols_of(self._lines)
        # Both parts standing alone elsewhere are words; one word that stands whole elsewhere was cut.
        return last + word in self._eojeols and not (last in self._eojeols and word in self._eojeols)


def _are_two_words(left: str, right: str, goes_on: bool) -> bool:
    """Whether a hyphen between them is written within a line, too; `goes_on`: there are more of them in the word."""
    known = _english()
    if left in _PREFIXES and not (goes_on and left in _SMALL):
        return (left[-1] == right[0] and left[-1] in "aei") or (left in _OFTEN_APART and right in known)
    is_word = left in known or left in _FIRST or (goes_on and left in _SMALL)
    return is_word and (right in known or right in _SMALL)


def with_hyphen(text: str) -> str:
    """The text with a plain hyphen at its end where PDFium wrote its own sign."""
    return text[:-1] + "-" if text.endswith(BREAKING_HYPHENS[:2]) else text


def ends_in_hyphen(text: str) -> bool:
    """Whether the line's last sign is a hyphen that goes with the next line's first word."""
    return text.endswith(_HYPHENS) and len(text) > 1 and text[-2].isalnum()


def _breaks_in_words(lines: Sequence[Line]) -> bool:
    """Whether line breaks between Hangul without a space cut words: sure only where others keep their space."""
    spaced = unspaced = 0
    for line, following in pairwise(lines):
        if "가" <= line.text[-1:] <= "힣" and "가" <= following.text[:1] <= "힣":
            if line.spaced:
                spaced += 1
            else:
                unspaced += 1
    return spaced >= _ENOUGH_SPACED and spaced >= 0.1 * (spaced + unspaced)


def _words_of(lines: Iterable[Line]) -> frozenset[str]:
    """The words inside lines, where no line break can have changed them."""
    inner = [line.text.partition(" ")[2].rpartition(" ")[0] for line in lines]
    plain = "\n".join([text for text in inner if text.isascii()])
    others = {*_WORD.findall("\n".join([text for text in inner if not text.isascii()]))}
    parted = {*plain.encode().translate(_WORDS_APART).decode().split()}
    for word in [word for word in parted if "-" in word]:  # as far as it is one
        parted.remove(word)
        others.update(_WORD.findall(word))
    return frozenset((*parted, *map(str.lower, others)))


def _eojeols_of(lines: Iterable[Line]) -> frozenset[str]:
    return frozenset(_EOJEOL.findall("\n".join([line.text.partition(" ")[2].rpartition(" ")[0] for line in lines])))


@cache
def _english() -> frozenset[str]:
    """Some 20,000 common words: the whole words of the vocabulary of BERT base uncased (Google, Apache-2.0)."""
    return frozenset((Path(__file__).parent / "english_words.txt").read_text(encoding="ascii").split())
