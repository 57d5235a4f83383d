"""What a person sees on a page of a PDF and its content does not hold: filled form fields, remarks of readers."""

import ctypes
import html
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, Self

import pypdfium2
import pypdfium2.raw as pdfium

from process.infrastructure.parsers.draft import normalised, one_line
from process.infrastructure.parsers.layout.segment import Line, Note, Page

_UNSEEN: Final = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_REMARKS: Final = frozenset(
    getattr(pdfium, f"FPDF_ANNOT_{name}")
    for name in (
        *("TEXT", "FREETEXT", "LINE", "SQUARE", "CIRCLE", "POLYGON", "POLYLINE", "HIGHLIGHT", "UNDERLINE"),
        *("SQUIGGLY", "STRIKEOUT", "STAMP", "CARET", "INK", "POPUP", "FILEATTACHMENT", "REDACT"),
    )
)
_CHOICES: Final = (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX)
_MARKS: Final = (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON)
_WITHOUT_VALUE: Final = (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE)
_PASSWORD: Final = 1 << 13
"""Of a text field's flags (ISO 32000-2, table 231)."""
_JUST_ON: Final = frozenset(("", "yes", "on", "true", "1", "0", "off", "checked", "selected"))
# Names that programs gave; people are shown the field's other name, or the words on the page.
_MACHINE_NAME: Final = re.compile(
    r"(?:text|field|feld|champ|check|combo|list|radio|button|group|gruppe|undefined|untitled|form|topmost|box|cb|tb|tf|"
    r"[a-z]{0,2})[ _\-.]*(?:field|box|button|list)?[ _\-.]*\d*(?:[_.\-]\d+)*(?:\[\d+\])?\Z|.*\[\d+\]\Z",
    re.I,
)
_MOST_ON_A_PAGE: Final = 5_000
_LONGEST_TEXT: Final = 200_000
"""Bytes of one string."""
_LEAST_REPEATED: Final = 4
"""Characters; a shorter value stands on any page by chance."""
_TAG: Final = re.compile(r"<[^<>]{0,2000}>")


class PageNotes:
    """Reads them page by page; a context manager that must end before the document is closed."""

    def __init__(self, document: pypdfium2.PdfDocument) -> None:
        self._document = document
        self.warnings: list[str] = []
        self._form: Any = None

    def __enter__(self) -> Self:
        kind = self._document.get_formtype()
        if kind != pdfium.FORMTYPE_NONE:
            if kind == pdfium.FORMTYPE_XFA_FULL:
                self.warnings.append("The PDF is an XFA form; what only an XFA viewer shows of it was left out.")
            # Made by hand: the wrapper's would run what pages do when they are opened.
            self._config = pdfium.FPDF_FORMFILLINFO(version=2)
            self._form = pdfium.FPDFDOC_InitFormFillEnvironment(self._document, self._config) or None
        return self

    def __exit__(self, *_: object) -> None:
        if self._form is not None:
            pdfium.FPDFDOC_ExitFormFillEnvironment(self._form)

    def of(self, page: pypdfium2.PdfPage, lines: Iterable[Line]) -> list[Note]:
        """In the page's order; what its lines hold already has no text."""
        count = pdfium.FPDFPage_GetAnnotCount(page)
        if count <= 0:
            return []
        if count > _MOST_ON_A_PAGE:
            self.warnings.append(f"A page has {count:,} annotations; those after {_MOST_ON_A_PAGE:,} were left out.")
        found = []
        shown: str | None = None
        for value, note in self._each(page, min(count, _MOST_ON_A_PAGE)):
            if shown is None:
                shown = "".join("".join(line.text.split()) for line in lines)
            compact = "".join(value.split())
            is_told = not compact or (len(compact) >= _LEAST_REPEATED and compact in shown)
            found.append(replace(note, text="") if is_told else note)
        return found

    def _each(self, page: pypdfium2.PdfPage, count: int) -> Iterator[tuple[str, Note]]:
        """The value alone, and as it is told."""
        remarks: set[str] = set()
        for index in range(count):
            annotation = pdfium.FPDFPage_GetAnnot(page, index)
            if not annotation:
                continue
            try:
                kind = pdfium.FPDFAnnot_GetSubtype(annotation)
                if kind != pdfium.FPDF_ANNOT_WIDGET and kind not in _REMARKS:
                    continue
                if pdfium.FPDFAnnot_GetFlags(annotation) & _UNSEEN:
                    continue
                if kind == pdfium.FPDF_ANNOT_WIDGET:
                    name, value, text = self._field(annotation)
                    if value:
                        yield value, Note("field", text, (name, value))
                    continue
                value, text = _remark(annotation)
                if value and value not in remarks:
                    remarks.add(value)
                    yield value, Note("comment", text)
            finally:
                pdfium.FPDFPage_CloseAnnot(annotation)

    def _field(self, annotation: Any) -> tuple[str, str, str]:
        """Its full name, its value, and both as a person reads them."""
        if _has_no_size(annotation):
            return "", "", ""
        form = self._form
        kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation) if form is not None else -1
        if kind in _WITHOUT_VALUE:
            return "", "", ""
        if kind <= pdfium.FPDF_FORMFIELD_UNKNOWN:
            # A field that the form does not list.
            name, value = _string(annotation, b"T"), _string(annotation, b"V")
            return name, value, _told(_string(annotation, b"TU") or name, value)
        name = _wide(lambda *to: pdfium.FPDFAnnot_GetFormFieldName(form, annotation, *to))
        label = _wide(lambda *to: pdfium.FPDFAnnot_GetFormFieldAlternateName(form, annotation, *to)) or name
        if kind in _MARKS:
            state = _string(annotation, b"AS")
            if state == "Off" or not (state or pdfium.FPDFAnnot_IsChecked(form, annotation)):
                return "", "", ""
            value = _wide(lambda *to: pdfium.FPDFAnnot_GetFormFieldExportValue(form, annotation, *to)) or state
            if value.strip().lower() in _JUST_ON:
                label = _readable(label)
                return name, label, f"☑ {label}"
            return name, value, _told(label, f"☑ {value}")
        if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
            return "", "", ""
        value = ", ".join(self._chosen(annotation)) if kind in _CHOICES else ""
        value = value or _wide(lambda *to: pdfium.FPDFAnnot_GetFormFieldValue(form, annotation, *to))
        return name, value, _told(label, value)

    def _chosen(self, annotation: Any) -> Iterator[str]:
        """The labels of the options chosen in a list: the value itself may be a code that nobody is shown."""
        form = self._form
        for index in range(min(_MOST_ON_A_PAGE, pdfium.FPDFAnnot_GetOptionCount(form, annotation))):
            if pdfium.FPDFAnnot_IsOptionSelected(form, annotation, index):
                yield _wide(lambda *to, at=index: pdfium.FPDFAnnot_GetOptionLabel(form, annotation, at, *to))


def tell_once(pages: Iterable[Page]) -> None:
    """Leaves what has a text, and of fields that stand several times in the document the first one."""
    seen: set[tuple[str, str]] = set()
    for page in pages:
        kept = []
        for note in page.notes:
            if note.key is not None:
                if note.key in seen:
                    continue
                seen.add(note.key)
            if note.text:
                kept.append(note)
        page.notes = kept


def _remark(annotation: Any) -> tuple[str, str]:
    if pdfium.FPDFAnnot_HasKey(annotation, b"StateModel"):
        return "", ""  # that somebody has read another remark
    value = _string(annotation, b"Contents")
    if not value.strip():
        value = one_line(html.unescape(_TAG.sub(" ", _string(annotation, b"RC"))))
    author = one_line(_string(annotation, b"T"))
    return value, f"{author}: {value}" if author and value else value


def _told(label: str, value: str) -> str:
    label = _readable(label)
    return f"{label}: {value}" if label else value


def _readable(label: str) -> str:
    """The name that people read; empty for one that only programs do."""
    label = one_line(label)
    last = label.rpartition(".")[2] if " " not in label else label
    return "" if _MACHINE_NAME.match(last) else last[:300]


def _has_no_size(annotation: Any) -> bool:
    rect = pdfium.FS_RECTF()
    if not pdfium.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
        return False
    return bool(rect.left == rect.right or rect.top == rect.bottom)


def _string(annotation: Any, key: bytes) -> str:
    return _wide(lambda *to: pdfium.FPDFAnnot_GetStringValue(annotation, key, *to))


def _wide(read: Callable[..., int]) -> str:
    """What a function of PDFium writes as UTF-16 into a buffer."""
    length = min(read(None, 0), _LONGEST_TEXT)
    if length <= 2:
        return ""
    buffer = (ctypes.c_ushort * (length // 2 + 1))()
    read(buffer, length)
    return normalised(bytes(buffer)[: length - 2].decode("utf-16-le", errors="replace")).strip("\0")
