"""PDF with a text layer (PDFium): text in reading order, with what is filled into forms and remarked on pages.

Pages are read one by one, which takes most of the time and may be done a range at a time; what goes over their ends
(paragraphs, tables, headers, what is told once) is put together when all are there.
"""

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.draft import Draft, ManyPages, Unreadable, locked, one_line
from process.infrastructure.parsers.jumbled_letters import look_jumbled
from process.infrastructure.parsers.layout.drawn_over import set_stamps_apart
from process.infrastructure.parsers.layout.initials import join_initials
from process.infrastructure.parsers.layout.paragraphs import assemble
from process.infrastructure.parsers.layout.pdfium_lines import segments_of
from process.infrastructure.parsers.layout.reading_order import in_reading_order
from process.infrastructure.parsers.layout.running import take_out
from process.infrastructure.parsers.layout.segment import Page
from process.infrastructure.parsers.layout.tables_apart import set_tables_apart
from process.infrastructure.parsers.page_range import ReadPages, packed, unpacked
from process.infrastructure.parsers.pdf_attachments import Attachments, holds_files
from process.infrastructure.parsers.pdf_notes import PageNotes, tell_once
from process.infrastructure.parsers.pdf_pictures import is_garbage, is_picture, pictures_on
from process.infrastructure.parsers.pdfium.loaded_page import LoadedPage

_MOST_IN_MEMORY: Final = 16 << 20
"""Bytes of a file that is read at once."""
_JUNK_TITLE: Final = re.compile(r"\.\w{2,4}\Z|^untitled|^microsoft|^slide \d|^document\d*\Z|^제목 ?없음|^https?:", re.I)


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable, ManyPages."""
    document = _open(path, draft.password)
    try:
        count = _page_count(document)
        if draft.most_pages is not None and count > draft.most_pages:
            raise ManyPages(count)
        read = _read_all(document, range(count), draft)
        attachments, title = _beside(document, read, draft)
    finally:
        document.close()
    _put_together(read, attachments, title, draft)


def read_pages(path: Path, draft: Draft, pages: range) -> bytes:
    """What is on these pages (0-based), for `assemble_pages`; adds nothing to the draft. Raises Unreadable."""
    document = _open(path, draft.password)
    try:
        return packed(_read_all(document, pages, draft))
    finally:
        document.close()


def assemble_pages(path: Path, draft: Draft, ranges: Sequence[bytes]) -> None:
    """Fills the draft with what `read_pages` gave of each range of pages, in order: the same as `parse` does.

    Raises Unreadable, and ValueError for what `read_pages` did not give.
    """
    read = ReadPages()
    characters = 0
    for raw in ranges:
        some = unpacked(raw)
        characters += sum(map(_characters, some.pages))
        draft.require_room(characters)
        read.add(some)
    document = _open(path, draft.password)
    try:
        attachments, title = _beside(document, read, draft)
    finally:
        document.close()
    _put_together(read, attachments, title, draft)


def _open(path: Path, password: str | None) -> pypdfium2.PdfDocument:
    # PDFium reads a file in pieces of half a kilobyte, each with three calls of the system.
    source = path.read_bytes() if path.stat().st_size <= _MOST_IN_MEMORY else path
    try:
        return pypdfium2.PdfDocument(source, password=password)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code in (pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY):
            raise locked("The PDF", password) from error
        raise _corrupt() from error


def _corrupt() -> Unreadable:
    return Unreadable(
        "corrupt", "The PDF is damaged and cannot be opened. Export or download it again, then upload the new file."
    )


def _page_count(document: pypdfium2.PdfDocument) -> int:
    count = len(document)
    if count == 0:
        raise Unreadable("empty", "The PDF has no pages. Check that it is the right file.")
    return count


def _read_all(document: pypdfium2.PdfDocument, numbers: range, draft: Draft) -> ReadPages:
    read = ReadPages()
    characters = 0
    with PageNotes(document) as notes:
        for number in numbers:
            try:
                page = _read(document, number, notes)
            except pypdfium2.PdfiumError:
                read.broken += 1
                continue
            characters += _characters(page)
            draft.require_room(characters)
            read.pages.append(page)
        read.warnings.extend(notes.warnings)
    return read


def _characters(page: Page) -> int:
    return sum([len(line.text) for line in page.lines]) + sum([len(note.text) for note in page.notes])


def _read(document: pypdfium2.PdfDocument, number: int, notes: PageNotes) -> Page:
    pdf_page = document[number]
    loaded = LoadedPage(pdf_page)
    try:
        groups = segments_of(loaded.text)
        stamps = set_stamps_apart(groups, loaded.text)
        if groups:
            join_initials(groups[0])
        before = [segment for group in groups for segment in group]
        set_tables_apart(groups, loaded, number + 1)
        width, height = pdf_page.get_size()
        page = Page(number + 1, width, height, [])
        texts = [segment.text for group in groups for segment in group]
        text = "".join([segment.text for segment in before])
        page.is_garbage = is_garbage(text)
        page.is_doubtful = not page.is_garbage and look_jumbled(text)
        page.is_picture = page.is_garbage or page.is_doubtful or is_picture(pdf_page, texts)
        if not page.is_picture:
            page.pictures = pictures_on(loaded, before)
        for group in groups:
            lines = in_reading_order(group, page.number)
            after = page.lines[-1].column if page.lines else 0
            if after:
                for line in lines:
                    line.column += after
            page.lines.extend(lines)
        page.notes = [*stamps, *notes.of(pdf_page, page.lines)]
        page.holds_files = holds_files(pdf_page)
        return page
    finally:
        loaded.close()


def _beside(document: pypdfium2.PdfDocument, read: ReadPages, draft: Draft) -> tuple[Attachments, str | None]:
    """What the document has beside the text of its pages, and its title as its metadata tell it."""
    draft.pages = _page_count(document)
    attachments = Attachments(draft)
    for page in read.pages:
        if page.holds_files:
            with contextlib.suppress(pypdfium2.PdfiumError):
                pdf_page = document[page.number - 1]
                try:
                    attachments.of_page(pdf_page)
                finally:
                    pdf_page.close()
    attachments.of_document(document)
    return attachments, _metadata_title(document)


def _put_together(read: ReadPages, attachments: Attachments, title: str | None, draft: Draft) -> None:
    if read.broken == draft.pages:
        raise _corrupt()
    draft.warnings.extend(dict.fromkeys(read.warnings))
    if read.broken:
        draft.warnings.append(f"{read.broken} of {draft.pages} pages are damaged and could not be read.")
    pages = read.pages
    for page in pages:
        if page.is_picture:
            draft.leave_unread(page.number, instead=page.is_garbage, doubtful=page.is_doubtful)
    tell_once(pages)
    headers, footers = take_out(pages)
    assemble(pages, draft)
    for kind, lines in (("header", headers), ("footer", footers)):
        for line in lines:
            draft.add(kind, line.text, page=line.page)
    attachments.finish()
    draft.title = draft.title or title


def _metadata_title(document: pypdfium2.PdfDocument) -> str | None:
    title = one_line(document.get_metadata_value("Title"))
    return title if 3 <= len(title) <= 200 and not _JUNK_TITLE.search(title) else None
