"""Files that a PDF carries along: attached to the document, or pinned to a place on a page; each becomes a part."""

import ctypes
from collections.abc import Iterator
from typing import Any, Final

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.draft import Draft, one_line

_MOST_BYTES: Final = 256 << 20
"""Of one: PDFium unpacks it in memory."""
_PIECE: Final = 1 << 20
_MOST_ON_A_PAGE: Final = 5_000
_LONGEST_NAME: Final = 4_000


class Attachments:
    """What was found so far goes into the draft's parts."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._names: list[str] = []
        self._left_out = 0

    def of_document(self, document: pypdfium2.PdfDocument) -> None:
        """Those that a viewer lists beside the pages."""
        for index in range(pdfium.FPDFDoc_GetAttachmentCount(document.raw)):
            self._add(pdfium.FPDFDoc_GetAttachment(document.raw, index))

    def of_page(self, page: pypdfium2.PdfPage) -> None:
        """Those that are pinned to it."""
        for annotation in _pinned_to(page):
            self._add(pdfium.FPDFAnnot_GetFileAttachment(annotation))

    def finish(self) -> None:
        """Says what was left out; where the pages say nothing, the text is what is attached to them."""
        if self._left_out:
            self._draft.warnings.append(f"{self._left_out:,} attached files could not be taken out.")
        if not self._draft.characters:
            for name in dict.fromkeys(self._names):
                self._draft.add("list_item", name)

    def _add(self, attachment: Any) -> None:
        size = ctypes.c_ulong()
        if not attachment or not pdfium.FPDFAttachment_GetFile(attachment, None, 0, ctypes.byref(size)):
            self._left_out += 1
            return
        if size.value > _MOST_BYTES:
            self._left_out += 1
            return
        buffer = ctypes.create_string_buffer(size.value or 1)
        if not pdfium.FPDFAttachment_GetFile(attachment, buffer, size.value, ctypes.byref(size)):
            self._left_out += 1
            return
        name = _name(attachment)
        if self._draft.parts.add(name, _pieces(memoryview(buffer)[: size.value])):
            self._names.append(name)


def holds_files(page: pypdfium2.PdfPage) -> bool:
    """Whether some are pinned to it."""
    return any(True for _ in _pinned_to(page))


def _pinned_to(page: pypdfium2.PdfPage) -> Iterator[Any]:
    """Their annotations, each until the next one is asked for."""
    for index in range(min(pdfium.FPDFPage_GetAnnotCount(page.raw), _MOST_ON_A_PAGE)):
        annotation = pdfium.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            if pdfium.FPDFAnnot_GetSubtype(annotation) == pdfium.FPDF_ANNOT_FILEATTACHMENT:
                yield annotation
        finally:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _name(attachment: Any) -> str:
    length = min(_LONGEST_NAME, pdfium.FPDFAttachment_GetName(attachment, None, 0))
    buffer = (pdfium.FPDF_WCHAR * (length // 2 + 1))()
    pdfium.FPDFAttachment_GetName(attachment, buffer, length)
    return one_line(bytes(buffer)[:length].decode("utf-16-le", "replace").partition("\0")[0]) or "attachment"


def _pieces(content: memoryview) -> Iterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield bytes(content[start : start + _PIECE])
