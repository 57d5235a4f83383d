"""The text of a mail: its own words, and the messages it answers or forwards under a heading each."""

import re
from typing import Final

from process.infrastructure.parsers.draft import Draft, normalised
from process.infrastructure.parsers.text import paragraphs

_QUOTED: Final = re.compile(r"(?:> ?)+|\|\s")
_MARKS: Final = re.compile(">*")
_SEPARATOR: Final = re.compile(
    r"-{2,}\s*(?:original message|forwarded message|원본 메시지|원본 메일|전달된 메시지|ursprüngliche nachricht)\b.*"
    r"|begin forwarded message:|_{20,}",
    re.I,
)
_WROTE: Final = re.compile(
    r"(?:on|am|le)\s.{5,200}\s(?:wrote|schrieb|a écrit)\s?:|.{5,200}님이\s?(?:작성|쓴 글|보낸 메일|썼습니다)\s?:?", re.I
)
_HEADER_LINE: Final = re.compile(
    r"\*?(?:from|sent|to|date|subject|보낸 ?사람|보낸 ?날짜|받는 ?사람|받은 ?날짜|제목)\s*:\*?\s.*", re.I
)
_QUOTE_ELEMENT: Final = re.compile(
    r"<blockquote\b|<div\b[^>]{0,200}?(?:gmail_quote|yahoo_quoted|OutlookMessageHeader|divRplyFwdMsg|appendonsend)",
    re.I,
)
_SIGNATURE: Final = re.compile(r"-- ?")
_LEAST_HEADER: Final = 3


def has_text(text: str) -> bool:
    """Whether there is a word in it."""
    return any(map(str.isalnum, text))


def add_mail_text(draft: Draft, text: str, *, flowed: bool = False, without_space: bool = False) -> None:
    """Its own words as paragraphs; from where another message begins, that one below a heading that says so.

    `without_space`: the space at the end of a line that goes on is no part of the text (`DelSp=yes`).
    """
    lines = normalised(text).split("\n")
    if flowed:
        lines = _unflowed(lines, without_space)
    own: list[str] = []
    is_quoted = False
    number = 0
    while number < len(lines):
        line = lines[number]
        plain = line.strip()
        head = _header_length(lines, number)
        starts = bool(_SEPARATOR.fullmatch(plain) or (len(plain) < 300 and _WROTE.fullmatch(plain)))
        quoted = _QUOTED.match(line)
        if starts or head:
            _flush(draft, own, is_quoted=is_quoted)
            said = " ".join(one.strip() for one in lines[number : number + max(1, head)])
            draft.add("heading", f"Quoted: {said.strip('-_ ')}" if said.strip("-_ ") else "Quoted message", level=2)
            is_quoted = True
            number += max(1, head)
            continue
        if quoted and not is_quoted:
            _flush(draft, own, is_quoted=is_quoted)
            draft.add("heading", "Quoted message", level=2)
            is_quoted = True
        elif not quoted and is_quoted and own and own[-1] == "" and _came_back(lines, number):
            _flush(draft, own, is_quoted=is_quoted)
            draft.add("heading", "Answer", level=2)
            is_quoted = False
        own.append(line[quoted.end() :] if quoted else "" if _SIGNATURE.fullmatch(line) else line)
        number += 1
    _flush(draft, own, is_quoted=is_quoted)


def mark_quotes(page: str) -> str:
    """An HTML mail with a heading where the message it answers begins."""
    return _QUOTE_ELEMENT.sub(lambda found: f"<h2>Quoted message</h2>{found[0]}", page, count=1)


def _flush(draft: Draft, lines: list[str], *, is_quoted: bool) -> None:
    for paragraph in paragraphs("\n".join(lines)):
        draft.add("quote" if is_quoted else "paragraph", paragraph)
    lines.clear()


def _header_length(lines: list[str], start: int) -> int:
    """How many lines of a quoted message's header begin here; 0 when none does."""
    end = start
    while (
        end < len(lines) and end - start < 12 and _HEADER_LINE.fullmatch(_QUOTED.sub("", lines[end], count=1).strip())
    ):
        end += 1
    return end - start if end - start >= _LEAST_HEADER else 0


def _came_back(lines: list[str], number: int) -> bool:
    """Whether own words stand between quoted lines: behind `>` lines, before others."""
    return bool(lines[number].strip()) and any(_QUOTED.match(line) for line in lines[max(0, number - 3) : number])


def _unflowed(lines: list[str], without_space: bool) -> list[str]:
    """RFC 3676: a line that ends in a space goes on in the next one of the same depth of quotes."""
    whole: list[str] = []
    goes_on_at = -1
    for line in lines:
        marks = _MARKS.match(line)
        depth = marks.end() if marks is not None else 0
        said = line[depth:].removeprefix(" ")  # stuffed, so that no line begins with From or a mark of its own
        if goes_on_at == depth:
            whole[-1] = (whole[-1][:-1] if without_space else whole[-1]) + said
        else:
            whole.append(f"{'>' * depth} {said}" if depth else said)
        goes_on_at = depth if said.endswith(" ") and said != "-- " else -1
    return whole
