"""The types this version reads, and what the first bytes of a file say it is.

Type is found from the bytes; the extension only chooses among text types (text_types.py). (Signatures: RFC 8118 for
PDF, PKWARE APPNOTE 4.3 for ZIP, MS-CFB 2.2 for OLE.)
"""

import codecs
from typing import Final, Literal

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX: Final = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSB: Final = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
DOC: Final = "application/msword"
XLS: Final = "application/vnd.ms-excel"
PPT: Final = "application/vnd.ms-powerpoint"
HWP: Final = "application/x-hwp"
HWPX: Final = "application/hwp+zip"
ODT: Final = "application/vnd.oasis.opendocument.text"
ODS: Final = "application/vnd.oasis.opendocument.spreadsheet"
ODP: Final = "application/vnd.oasis.opendocument.presentation"
EPUB: Final = "application/epub+zip"
RTF: Final = "application/rtf"
ZIP: Final = "application/zip"
EML: Final = "message/rfc822"
MHTML: Final = "multipart/related"
MSG: Final = "application/vnd.ms-outlook"
OLE: Final = "application/x-ole-storage"
"""A compound file of no known kind."""
HTML: Final = "text/html"
MARKDOWN: Final = "text/markdown"
CSV: Final = "text/csv"
TSV: Final = "text/tab-separated-values"
JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"
IPYNB: Final = "application/x-ipynb+json"
XML: Final = "application/xml"
TEXT: Final = "text/plain"
IMAGES: Final = ("image/png", "image/jpeg", "image/tiff", "image/webp", "image/bmp", "image/gif")
SUPPORTED: Final = (
    *(PDF, DOCX, DOC, XLSX, XLSB, XLS, PPTX, PPT, HWP, HWPX, ODT, ODS, ODP, EPUB, RTF, EML, MHTML, MSG, ZIP),
    *(HTML, MARKDOWN, CSV, TSV, JSON, JSON_LINES, IPYNB, XML, TEXT),
    *IMAGES,
)
SUPPORTED_NAMES: Final = (
    "PDF, DOCX, DOC, XLSX, XLS, PPTX, PPT, HWP, HWPX, OpenDocument, EPUB, RTF, mail (EML, MSG, MHTML), ZIP, HTML, "
    "Markdown, CSV, JSON, XML, plain text and pictures "
    "(PNG, JPEG, TIFF, WebP, BMP, GIF)"
)

Shape = Literal["pdf", "zip", "ole", "rtf", "hwp", "text", "other"]

_PDF_WITHIN: Final = 1024
_BINARY_EXTENSIONS: Final = {
    "pdf": "PDF", "docx": "DOCX", "docm": "DOCX", "doc": "Word", "xlsx": "Excel", "xls": "Excel",
    "xlsm": "Excel", "xlsb": "Excel", "pptx": "PowerPoint", "pptm": "PowerPoint", "ppt": "PowerPoint",
    "hwp": "HWP", "hwpx": "HWPX", "odt": "OpenDocument", "ods": "OpenDocument", "odp": "OpenDocument",
    "msg": "an Outlook message", "rtf": "RTF", "ps": "PostScript", "eps": "PostScript",
    "zip": "ZIP", "7z": "7z", "gz": "gzip", "tar": "tar", "rar": "RAR", "exe": "a program", "dll": "a program",
    "png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "gif": "GIF", "tif": "TIFF", "tiff": "TIFF", "webp": "WebP",
    "bmp": "BMP", "mp3": "MP3", "mp4": "MP4", "epub": "EPUB",
}  # fmt: skip
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PROGRAMS: Final = (b"%!PS", b"\x1b%-12345X", b"\x1bE\x1b", b"\xc5\xd0\xd3\xc6")
"""Text for a machine, not for a reader: PostScript, print jobs around it, PCL, and PostScript with a preview."""
_BEFORE_PROGRAMS: Final = b"\xef\xbb\xbf\x04 \t\r\n"
_SHIFTED: Final = b"\x1b$)C"
"""Begins ISO-2022-KR, which shifts between Latin and Hangul with control bytes (RFC 1557)."""
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
    if head.startswith(b"HWP Document File"):
        return "hwp"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{\\rtf"):
        return "rtf"
    return "text" if text_of(head) is not None else "other"


def is_program(head: bytes) -> bool:
    """Whether it is PostScript or a print job."""
    return head.lstrip(_BEFORE_PROGRAMS).startswith(_PROGRAMS)


def text_of(head: bytes) -> str | None:
    """The head as text (wrongly decoded characters replaced), or None when it is not text."""
    if is_program(head):
        return None
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            # Without the hole that a power loss left at the end.
            return _plausible_text(head[len(mark) :].decode(encoding, "replace").rstrip("\0\ufffd"), least=0.9)
    # What the mark of UTF-8 says need not be true of the whole file.
    head = head.removeprefix(codecs.BOM_UTF8)
    if _SHIFTED in head:
        head = head.translate(None, b"\x0e\x0f")
    if b"\0" in head:
        wide = head[: len(head) & ~1]
        for encoding in ("utf-16-le", "utf-16-be"):
            text = _plausible_text(wide.decode(encoding, "replace"), least=0.98)
            if text is not None:
                return text
        # Stray ones (a hole after a power loss, a field filled up) in what is text without them.
        head = head.replace(b"\0", b"")
        if not head.strip() or not _is_narrow_text(head):
            return None
    if sum(byte in _CONTROLS for byte in head) * 200 > len(head):
        return None
    for encoding in ("utf-8", "cp949"):
        try:
            # Not final: the head may end inside a character.
            return codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
    return head.decode("latin-1")


def _is_narrow_text(head: bytes) -> bool:
    if sum(byte in _CONTROLS for byte in head) * 200 > len(head):
        return False
    # The head may end inside a character, and may be of two encodings; a picture or a program fits neither.
    return any(head.decode(name, "replace").count("\ufffd") * 20 <= len(head) for name in ("utf-8", "cp949"))


def binary_extension(extension: str) -> str | None:
    """The binary format that this extension claims."""
    return _BINARY_EXTENSIONS.get(extension)


def claimed_format(name: str) -> str | None:
    """The binary format that the name's extension claims."""
    return binary_extension(extension_of(name))


def zip_member_type(names: frozenset[str], declared: str | None = None) -> str:
    """The media type of a ZIP with these members; `declared` is what its first one, `mimetype`, says."""
    names = frozenset(name.replace("\\", "/") for name in names)  # as some programs on Windows write them
    if "[Content_Types].xml" in names:
        for folder, media_type in (
            ("word/", DOCX),
            ("xl/", XLSB if "xl/workbook.bin" in names else XLSX),
            ("ppt/", PPTX),
        ):
            if any(name.startswith(folder) for name in names):
                return media_type
    if "Contents/content.hpf" in names or (declared or "").startswith("application/hwp+zip"):
        return HWPX
    if declared == EPUB or ("META-INF/container.xml" in names and any(name.endswith(".opf") for name in names)):
        return EPUB
    if "content.xml" in names and (declared or "META-INF/manifest.xml" in names):
        # Templates are called as documents with `-template` behind.
        return (declared or "application/vnd.oasis.opendocument").removesuffix("-template")
    return ZIP


def _plausible_text(text: str, *, least: float) -> str | None:
    if not text:
        return text
    good = sum(any(low <= ord(character) <= high for low, high in _PLAUSIBLE) for character in text)
    return text if good >= least * len(text) else None
