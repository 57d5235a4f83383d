"""The types this version reads, and what the first bytes of a file say it is.

Type is found from the bytes; the extension only chooses among text types. (Signatures: RFC 8118 for PDF,
PKWARE APPNOTE 4.3 for ZIP, MS-CFB 2.2 for OLE, WHATWG "MIME Sniffing" 7.1 for HTML.)
"""

import codecs
import re
from typing import Final, Literal

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML: Final = "text/html"
MARKDOWN: Final = "text/markdown"
TEXT: Final = "text/plain"
SUPPORTED: Final = (PDF, DOCX, HTML, MARKDOWN, TEXT)
SUPPORTED_NAMES: Final = "PDF, DOCX, HTML, Markdown and plain text"

Shape = Literal["pdf", "zip", "ole", "text", "other"]

_PDF_WITHIN: Final = 1024
_MARKUP: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body|title|script|style|table|div|"
    r"meta|link|iframe|h[1-6]|font|br|p|a|b)(?=[\s>/])",
    re.IGNORECASE | re.DOTALL,
)
_WHOLE_PAGE: Final = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)(?=[\s>])", re.I | re.S
)
_TEXT_BY_EXTENSION: Final = {
    "md": MARKDOWN, "markdown": MARKDOWN, "mdown": MARKDOWN, "mkd": MARKDOWN,
    "html": HTML, "htm": HTML, "xhtml": HTML,
}  # fmt: skip
_BINARY_EXTENSIONS: Final = {
    "pdf": "PDF", "docx": "DOCX", "docm": "DOCX", "doc": "Word", "xlsx": "Excel", "xls": "Excel",
    "pptx": "PowerPoint", "ppt": "PowerPoint", "hwp": "HWP", "hwpx": "HWPX", "odt": "OpenDocument",
    "zip": "ZIP", "7z": "7z", "gz": "gzip", "tar": "tar", "rar": "RAR", "exe": "a program", "dll": "a program",
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "tif": "TIFF", "tiff": "TIFF", "webp": "WebP",
    "bmp": "BMP", "mp3": "MP3", "mp4": "MP4", "epub": "EPUB",
}  # fmt: skip
_OLD_OFFICE: Final = frozenset(("doc", "xls"))
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# C0 control bytes that texts have: tab, line feed, vertical tab, form feed, return, DOS end of file, escape.
_CONTROLS: Final = frozenset(range(32)) - {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x1A, 0x1B}
_PLAUSIBLE: Final = (
    (0x09, 0x0D), (0x20, 0x7E), (0xA0, 0x17F), (0x1100, 0x11FF), (0x2000, 0x22FF), (0x2460, 0x25FF),
    (0x3000, 0x33FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF),
)  # fmt: skip


def extension_of(name: str) -> str:
    """Lower case, without the dot; empty when there is none."""
    return name.rpartition("/")[2].rpartition(".")[2].lower() if "." in name.rpartition("/")[2] else ""


def shape_of(head: bytes) -> Shape:
    """What the first bytes (8 KiB) are, as far as they alone tell it."""
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "ole"
    return "text" if text_of(head) is not None else "other"


def text_of(head: bytes) -> str | None:
    """The head as text (wrongly decoded characters replaced), or None when it is not text."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _plausible_text(head[len(mark) :].decode(encoding, "replace"), least=0.9)
    if b"\0" in head:
        wide = head[: len(head) & ~1]
        for encoding in ("utf-16-le", "utf-16-be"):
            text = _plausible_text(wide.decode(encoding, "replace"), least=0.98)
            if text is not None:
                return text
        return None
    if sum(byte in _CONTROLS for byte in head) * 200 > len(head) or head.startswith(b"{\\rtf"):
        return None
    for encoding in ("utf-8", "cp949"):
        try:
            # Not final: the head may end inside a character.
            return codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
    return head.decode("latin-1")


def text_type(text: str, name: str) -> str | None:
    """The type of a text; None when its name claims a format that it is not."""
    extension = extension_of(name)
    if extension in _BINARY_EXTENSIONS:
        # Web pages saved under the names of old office files are common, and readable.
        return HTML if extension in _OLD_OFFICE and _WHOLE_PAGE.match(text) else None
    if extension in _TEXT_BY_EXTENSION:
        return _TEXT_BY_EXTENSION[extension]
    if extension == "txt":
        return HTML if _WHOLE_PAGE.match(text) else TEXT
    return HTML if _MARKUP.match(text) else TEXT


def claimed_format(name: str) -> str | None:
    """The binary format that the name's extension claims."""
    return _BINARY_EXTENSIONS.get(extension_of(name))


def zip_member_type(names: frozenset[str]) -> tuple[str | None, str]:
    """The media type of a ZIP with these members (None when it is not read here), and what it is, in words."""
    if "[Content_Types].xml" in names:
        for folder, media_type, words in (
            ("word/", DOCX, "a Word document (DOCX)"),
            ("xl/", None, "an Excel workbook (XLSX)"),
            ("ppt/", None, "a PowerPoint presentation (PPTX)"),
        ):
            if any(name.startswith(folder) for name in names):
                return media_type, words
    if "mimetype" in names and "Contents/content.hpf" in names:
        return None, "a Hancom document (HWPX)"
    if "mimetype" in names and "content.xml" in names:
        return None, "an OpenDocument file"
    if "META-INF/container.xml" in names:
        return None, "an EPUB book"
    return None, "a ZIP archive"


def _plausible_text(text: str, *, least: float) -> str | None:
    if not text:
        return text
    good = sum(any(low <= ord(character) <= high for low, high in _PLAUSIBLE) for character in text)
    return text if good >= least * len(text) else None
