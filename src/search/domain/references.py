"""References in Korean rules: 제3조의2, 제1항, 별표 7, 별지 제12호서식, each one term however it is spaced."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

PREFIX: Final = "\x04"
"""Marks a term that is a reference: no word is mistaken for one."""
_HANJA: Final = str.maketrans("第條項號別表紙附則編章節", "제조항호별표지부칙편장절")
_KINDS: Final = "조항호목편장절관부류차회과권"
# 제 3 조의 2; what follows (서식, a particle, a bracket) does not matter, a letter that makes it another word does.
_ARTICLE: Final = re.compile(
    rf"제 ?(?P<number>\d{{1,5}}) ?(?P<kind>[{_KINDS}])(?![가-힣]*?(?:원|년|명)\b)"
    r"(?: ?의 ?(?P<branch>\d{1,3})(?![\d년월일]))?"
)
_ATTACHED: Final = re.compile(
    r"(?P<what>별표|별지|별첨|부표|서식|붙임|첨부|부록|부속서|양식) ?(?:제 ?)?(?P<number>\d{1,4})(?: ?호)?"
    r"(?: ?의 ?(?P<branch>\d{1,3})(?![\d년월일]))?(?P<form> ?서식)?"
)
_BARE: Final = re.compile(
    r"(?<![\d.,])(?<!제)(?<!제 )(?P<number>\d{1,4})(?P<kind>[조항호])(?:의 ?(?P<branch>\d{1,3}))?"
)
_MAY_HOLD: Final = re.compile("[제第별別부附서붙첨양]")


class Reference(NamedTuple):
    """Where it stands, in code points, and the term it is."""

    start: int
    end: int
    term: str


def references(text: str) -> Iterator[Reference]:
    """Of a folded text, in order of their kinds: articles first, then what is attached."""
    if not _MAY_HOLD.search(text):
        return
    if "第" in text or "別" in text or "附" in text:
        text = text.translate(_HANJA)
    former: Reference | None = None
    for match in _ARTICLE.finditer(text):
        number = match["number"].lstrip("0") or "0"
        term = PREFIX + _named(f"제{number}{match['kind']}", match["branch"])
        yield Reference(match.start(), match.end(), term)
        # 제3조제1항 is a place of its own, not just both.
        if former is not None and match.start() - former.end <= 1:
            term = former.term + term[len(PREFIX) :]
            former = Reference(former.start, match.end(), term)
            yield former
        else:
            former = Reference(match.start(), match.end(), term)
    for match in _ATTACHED.finditer(text):
        number = match["number"].lstrip("0") or "0"
        yield Reference(match.start(), match.end(), PREFIX + _named(f"{match['what']}{number}", match["branch"]))


def bare_references(text: str) -> Iterator[Reference]:
    """3조 as people type it for 제3조; in a document it may be three trillion."""
    for match in _BARE.finditer(text):
        number = match["number"].lstrip("0") or "0"
        term = PREFIX + _named(f"제{number}{match['kind']}", match["branch"])
        yield Reference(match.start(), match.end(), term)


def _named(name: str, branch: str | None) -> str:
    return name if branch is None else f"{name}의{branch.lstrip('0') or '0'}"
