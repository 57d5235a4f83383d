"""PDF with a text layer (PDFium): lines become paragraphs and headings by where and how large they stand."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line

_SOFT_HYPHENS: Final = ("\x02", "\ufffe", "\u00ad")
"""PDFium marks a hyphen that only breaks a line with one of these."""
_MARKER: Final = re.compile(r"(?:[•◦▪■□○●◎▶▷※∙·‣⁃*–-]|\(?\d{1,3}[.)]|\(?[a-zA-Z가-힣][.)]|[①-⑳])\s")
_SENTENCE_END: Final = re.compile(r"[.!?。:;][\"'”’)\]]*\Z")
_HANGUL_END: Final = re.compile(r"[가-힣]\Z")
_HANGUL_START: Final = re.compile(r"[가-힣]")
_JUNK_TITLE: Final = re.compile(r"\.\w{2,4}\Z|^untitled|^microsoft|^slide \d|^document\d*\Z|^제목 ?없음|^https?:", re.I)
_LONGEST_HEADING: Final = 160
_LAM_ALEF: Final = re.compile("[\u0622\u0623\u0625\u0627\u0671]\u0644")


@dataclass(slots=True)
class _Line:
    text: str
    spaced: bool
    """The line break stands where a space was."""
    page: int
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    document = _open(path)
    try:
        draft.pages = len(document)
        if draft.pages == 0:
            raise Unreadable("empty", "The PDF has no pages. Check that it is the right file.")
        lines: list[_Line] = []
        without_text, broken = [], 0
        characters = 0
        for number in range(draft.pages):
            try:
                found = list(_lines_of(document, number))
            except pypdfium2.PdfiumError:
                broken += 1
                continue
            if not found:
                without_text.append(number + 1)
            characters += sum(len(line.text) for line in found)
            draft.require_room(characters)
            lines.extend(found)
        metadata_title = _metadata_title(document)
    finally:
        document.close()
    if broken == draft.pages:
        raise _corrupt()
    if not lines:
        raise Unreadable(
            "no_text",
            "The PDF has no text in it: it is a scanned document or holds only pictures. This version does not read "
            "text in pictures; run text recognition (OCR) on the file and upload the result.",
        )
    if broken:
        draft.warnings.append(f"{broken} of {draft.pages} pages are damaged and could not be read.")
    if without_text:
        draft.warnings.append(
            f"{len(without_text)} of {draft.pages} pages have no text; text in pictures is not read by this version."
        )
    _assemble(lines, draft, metadata_title)


def _open(path: Path) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise Unreadable(
                "encrypted",
                "The PDF is protected with a password. Remove the protection (open it, save or print it without a "
                "password) and upload it again.",
            ) from error
        raise _corrupt() from error


def _corrupt() -> Unreadable:
    return Unreadable(
        "corrupt", "The PDF is damaged and cannot be opened. Export or download it again, then upload the new file."
    )


def _lines_of(document: pypdfium2.PdfDocument, number: int) -> Iterator[_Line]:
    page = document[number]
    try:
        text_page = page.get_textpage()
        try:
            content = _with_ligatures_in_order(text_page, text_page.get_text_range())
            box = pdfium.FS_RECTF()
            offset = 0
            for raw in content.split("\r\n"):
                text = raw.strip()
                if text:
                    begin = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, offset + len(raw) - len(raw.lstrip()))
                    last = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, offset + len(raw.rstrip()) - 1)
                    pdfium.FPDFText_GetLooseCharBox(text_page, begin, ctypes.byref(box))
                    left, top, bottom = box.left, box.top, box.bottom
                    pdfium.FPDFText_GetLooseCharBox(text_page, last, ctypes.byref(box))
                    yield _Line(text, raw[-1].isspace(), number + 1, left, max(left, box.right), top, bottom)
                offset += len(raw) + 2
        finally:
            text_page.close()
    finally:
        page.close()


def _with_ligatures_in_order(text_page: pypdfium2.PdfTextPage, content: str) -> str:
    """PDFium turns right-to-left lines round letter by letter, and with them the two letters of the lam-alef sign.

    Both then stand at the same place; an alef and a lam that are signs of their own do not.
    """
    found = [match.start() for match in _LAM_ALEF.finditer(content)]
    if not found:
        return content
    signs = list(content)
    for place in found:
        if _origin(text_page, place) == _origin(text_page, place + 1):
            signs[place], signs[place + 1] = signs[place + 1], signs[place]
    return "".join(signs)


def _origin(text_page: pypdfium2.PdfTextPage, place: int) -> tuple[float, float]:
    x, y = ctypes.c_double(), ctypes.c_double()
    index = pdfium.FPDFText_GetCharIndexFromTextIndex(text_page, place)
    pdfium.FPDFText_GetCharOrigin(text_page, index, ctypes.byref(x), ctypes.byref(y))
    return x.value, y.value


def _metadata_title(document: pypdfium2.PdfDocument) -> str | None:
    title = one_line(document.get_metadata_value("Title"))
    return title if 3 <= len(title) <= 200 and not _JUNK_TITLE.search(title) else None


def _assemble(lines: list[_Line], draft: Draft, metadata_title: str | None) -> None:
    body = _body_height(lines)
    levels = _heading_levels(lines, body)
    breaks_in_words = _breaks_in_words(lines)
    title_height = _title_height(lines, body)
    index = 0
    while index < len(lines):
        line = lines[index]
        level = levels.get(_rounded(line.height)) if _may_be_heading(line) else None
        run = [line]
        if level is not None:
            while index + len(run) < len(lines) and len(run) < 3 and _same_heading(run[-1], lines[index + len(run)]):
                run.append(lines[index + len(run)])
            text = one_line(" ".join(item.text for item in run))
            if title_height is not None and line.page == 1 and _rounded(line.height) == title_height:
                draft.add("title", text, page=line.page)
                draft.title = text
                title_height = None
            else:
                draft.add("heading", text, level=level, page=line.page)
        else:
            while index + len(run) < len(lines) and _continues(run, lines[index + len(run)]):
                run.append(lines[index + len(run)])
            kind = "list_item" if _MARKER.match(line.text) else "paragraph"
            draft.add(kind, _joined(run, breaks_in_words), page=line.page)
        index += len(run)
    draft.title = draft.title or metadata_title


def _rounded(height: float) -> float:
    return round(height * 2) / 2


def _body_height(lines: list[_Line]) -> float:
    heights: Counter[float] = Counter()
    for line in lines:
        heights[_rounded(line.height)] += len(line.text)
    return heights.most_common(1)[0][0]


def _may_be_heading(line: _Line) -> bool:
    return len(line.text) <= _LONGEST_HEADING and sum(map(str.isalpha, line.text)) >= 2


def _heading_levels(lines: list[_Line], body: float) -> dict[float, int]:
    """Heights clearly above the body's, the largest first, are levels 1 to 4."""
    if body <= 0:
        return {}
    characters: Counter[float] = Counter()
    for line in lines:
        if _may_be_heading(line) and line.height >= 1.12 * body:
            characters[_rounded(line.height)] += len(line.text)
    total = sum(len(line.text) for line in lines)
    heights = [height for height, count in characters.items() if count <= 0.25 * total]
    return {height: min(4, rank) for rank, height in enumerate(sorted(heights, reverse=True), start=1)}


def _title_height(lines: list[_Line], body: float) -> float | None:
    first_page = [line for line in lines if line.page == 1 and _may_be_heading(line)]
    largest = max((_rounded(line.height) for line in first_page), default=0.0)
    return largest if body > 0 and largest >= 1.3 * body else None


def _same_heading(line: _Line, following: _Line) -> bool:
    return (
        following.page == line.page
        and _rounded(following.height) == _rounded(line.height)
        and 0 < line.bottom - following.bottom <= 1.6 * line.height
        and _may_be_heading(following)
        and not _MARKER.match(following.text)
    )


def _continues(run: list[_Line], following: _Line) -> bool:
    """Whether the line goes on with the paragraph."""
    line = run[-1]
    if following.page != line.page or _MARKER.match(following.text):
        return False
    height = max(line.height, following.height)
    if height <= 0 or abs(line.height - following.height) > 0.15 * height:
        return False
    unfinished = not _SENTENCE_END.search(line.text)
    goes_on = unfinished and (following.text[0].islower() or line.text.endswith(_SOFT_HYPHENS))
    drop = line.bottom - following.bottom
    if not 0 < drop <= 1.8 * height:
        # Another column: only where the words leave no doubt.
        return drop < 0 and goes_on
    if following.left > line.right or following.right < line.left:
        return False
    left = min(item.left for item in run[-3:])
    right = max(following.right, max(item.right for item in run[-3:]))
    ends_early = right - line.right > 0.15 * (right - left)
    if ends_early:
        return goes_on
    indented = following.left - line.left > 0.8 * height
    return unfinished or not (indented and len(run) > 1)


def _breaks_in_words(lines: list[_Line]) -> bool:
    """Whether line breaks between Hangul without a space cut words: sure only where others keep their space."""
    spaced = unspaced = 0
    for line, following in pairwise(lines):
        if _HANGUL_END.search(line.text) and _HANGUL_START.match(following.text):
            if line.spaced:
                spaced += 1
            else:
                unspaced += 1
    return spaced >= 3 and spaced >= 0.1 * (spaced + unspaced)


def _joined(run: list[_Line], breaks_in_words: bool) -> str:
    parts = [run[0].text]
    for line, following in pairwise(run):
        if line.text.endswith(_SOFT_HYPHENS):
            parts[-1] = parts[-1][:-1]
        elif line.spaced or not (
            breaks_in_words and _HANGUL_END.search(line.text) and _HANGUL_START.match(following.text)
        ):
            parts.append(" ")
        parts.append(following.text)
    return "".join(parts)
