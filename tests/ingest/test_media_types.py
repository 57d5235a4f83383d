"""The type is found from the bytes; the extension only chooses among text types."""

import io
import zipfile

import pytest
from ingest_builders import AnIngest

from ingest.domain.media_types import (
    CSV,
    DOC,
    DOCX,
    EML,
    EPUB,
    HTML,
    HWP,
    HWPX,
    IPYNB,
    JSON,
    JSON_LINES,
    MARKDOWN,
    MHTML,
    MSG,
    ODS,
    ODT,
    PDF,
    PPT,
    PPTX,
    RTF,
    TEXT,
    TSV,
    XLS,
    XLSX,
    XML,
    ZIP,
    shape_of,
    text_of,
)

KOREAN = "관세율표 해석에 관한 통칙은 다음과 같다.\n" * 30


def an_office_file(folder: str, damage: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>" * 50)
        archive.writestr(f"{folder}document.xml", "<w:document/>" * 50)
    return packed.getvalue()[: -damage or None]


def a_zip(*names: str, mimetype: str = "") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, mimetype if name == "mimetype" else "content")
    return packed.getvalue()


def a_docx(damage: int = 0) -> bytes:
    return an_office_file("word/", damage)


def an_ole_file(*streams: str) -> bytes:
    """A compound file (MS-CFB) with one directory sector behind its allocation table."""
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = (9).to_bytes(2, "little")
    header[48:52] = (1).to_bytes(4, "little")
    header[76:512] = b"\xff" * 436
    header[76:80] = bytes(4)
    table = b"\xfd\xff\xff\xff" + b"\xfe\xff\xff\xff" + b"\xff" * 504
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in streams).ljust(512, b"\0")
    return bytes(header) + table + directory


@pytest.mark.parametrize(
    ("name", "content", "media_type"),
    [
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(100), PDF),
        ("a.txt", b"junk\n%PDF-1.4\n" + bytes(100), PDF),
        ("a.docx", a_docx(), DOCX),
        ("no extension", a_docx(), DOCX),
        ("damaged.docx", a_docx(damage=60), DOCX),
        ("damaged", an_office_file("xl/", damage=60), XLSX),
        ("encrypted.xlsx", an_ole_file("Root Entry", "EncryptionInfo", "EncryptedPackage"), XLSX),
        ("encrypted.docx", an_ole_file("Root Entry", "EncryptionInfo", "EncryptedPackage"), DOCX),
        ("a.hwp", an_ole_file("Root Entry", "\x05HwpSummaryInformation"), HWP),
        ("a", b"HWP Document File V3.00 \x1a" + bytes(100), HWP),
        ("a.docx", a_zip("[Content_Types].xml", "word\\document.xml"), DOCX),
        ("a.hwpx", a_zip("mimetype", "Contents/content.hpf", "Contents/section0.xml"), HWPX),
        ("a.pptx", an_office_file("ppt/"), PPTX),
        ("a.odt", a_zip("mimetype", "content.xml", mimetype=ODT), ODT),
        ("a.ods", a_zip("mimetype", "content.xml", mimetype=ODS + "-template"), ODS),
        ("a.epub", a_zip("mimetype", "META-INF/container.xml", mimetype=EPUB), EPUB),
        ("a.rtf", b"{\\rtf1\\ansi words}", RTF),
        ("a.doc", an_ole_file("Root Entry", "WordDocument"), DOC),
        ("a.ppt", an_ole_file("Root Entry", "PowerPoint Document"), PPT),
        ("a.xls", an_ole_file("Root Entry", "Workbook"), XLS),
        ("a.zip", a_zip("notes/a.txt"), ZIP),
        ("a.msg", an_ole_file("Root Entry", "__properties_version1.0"), MSG),
        ("a.eml", b"Subject: x\n\nwords", EML),
        ("mail.txt", b"Received: by x\r\nFrom: a@b.c\r\nMIME-Version: 1.0\r\n\r\nwords", EML),
        ("note.txt", b"From: Kim\nTo: Lee\n\nSee you.", TEXT),
        ("a.mhtml", b"From: <Saved by Blink>\nMIME-Version: 1.0\nContent-Type: multipart/related\n\n--x", MHTML),
        ("a.json", b'{"a": "\\uac00"}', JSON),
        ("data.txt", b'[{"a": 1}, {"a": [true, null, 2.5e3]}]', JSON),
        ("cut", b'{"long": "' + b"words " * 3000 + b'"}', JSON),
        ("a.json", b'// of the tariff\n{"a": "\\uac00",}', JSON),
        ("a.json", b"<html><p>not found</p></html>", HTML),
        ("a.jsonl", b'{"a": 1}\n{"a": 2}\n', JSON_LINES),
        ("rows", b'{"a": 1}\n{"a": 2}\n', JSON_LINES),
        ("a.ipynb", b'{"cells": [], "nbformat": 4}', IPYNB),
        ("links.txt", b"[1] a footnote\n[2] another", TEXT),
        ("a.md", b"[text](link) and words", MARKDOWN),
        ("a.xml", b"<list><item>x</item></list>", XML),
        ("a.txt", b'<?xml version="1.0"?><list/>', XML),
        ("a.txt", b'<?xml version="1.0" encoding="euc-kr"?><a><b>x</b></a>', XML),
        ("drawing.svg", b"<svg><text>x</text></svg>", XML),
        ("a.xml", b'<?xml version="1.0"?><html><p>x</html>', HTML),
        ("a.txt", KOREAN.encode(), TEXT),
        ("a.txt", KOREAN.encode("cp949"), TEXT),
        ("a.txt", KOREAN.encode("utf-16"), TEXT),
        ("a.txt", KOREAN.encode("utf-16-le"), TEXT),
        ("a.txt", "plain words".encode("utf-16-be"), TEXT),
        ("a.txt", b"\xef\xbb\xbfwith a mark", TEXT),
        ("a.txt", b"\xef\xbb\xbf" + KOREAN.encode() + KOREAN.encode("cp949") * 3, TEXT),
        ("a.txt", KOREAN.encode("utf-16") + bytes(64), TEXT),
        ("a.txt", KOREAN.encode("utf-16") + bytes(501), TEXT),
        ("a.txt", KOREAN.encode("iso2022_kr"), TEXT),
        ("a.eml", b"Subject: x\nContent-Type: text/plain; charset=iso-2022-kr\n\n" + KOREAN.encode("iso2022_kr"), EML),
        ("a.log", b"BM25 begins like a bitmap", TEXT),
        ("a.emlx", b"1234  \nSubject: x\nMIME-Version: 1.0\n\ntext", EML),
        ("a.txt", b"1234\nwords: and\nmore", TEXT),
        ("a.smi", "<SAMI><BODY><SYNC Start=1><P>자막".encode("cp949"), HTML),
        ("a.csv", b"code,rate\n8471.30,0\n", CSV),
        ("a.tsv", "코드\t세율\n".encode("cp949"), TSV),
        ("book.zip", an_office_file("xl/"), XLSX),
        ("a.md", b"# Title\n\ntext", MARKDOWN),
        ("a.md", b"<h1 align=center>Title</h1>\n\ntext", MARKDOWN),
        ("a.html", b"no markup at all", HTML),
        ("a", b"<!DOCTYPE html><p>x", HTML),
        ("a.txt", b"  <!-- c --><html><p>x", HTML),
        ("a.txt", b"<p> in a text", TEXT),
        ("page.xls", b"<html><table><tr><td>x", HTML),
    ],
)
async def test_accepted(ingest: AnIngest, name: str, content: bytes, media_type: str) -> None:
    answer = await ingest.put(name, content)
    assert answer.status_code == 202, answer.text
    assert answer.json()["media_type"] == media_type


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20), "OLE file"),
        ("a.docx", b"just words", "plain text"),
        ("a.txt", b"\xef\xbb\xbf\n%!PS-Adobe-3.0\n(words) show\n", "PostScript"),
        ("a.eps", b"\xc5\xd0\xd3\xc6" + bytes(28) + b"%!PS-Adobe-3.0", "PostScript"),
        ("a.prn", b"\x1bE\x1b&l0O\x1b(s0p10h12VWords\x0c\x1bE", "PostScript"),
        ("a.ps", b"%!PS-Adobe-3.0\n72 700 moveto (words) show\n", "PostScript"),
        ("report.hwp", b"SCDSA004" + bytes(range(256)), "DRM"),
        ("a.gz", b"\x1f\x8b\x08\x00" + bytes(40), "application/gzip"),
        ("a.bin", bytes(range(256)) * 10, "no known type"),
    ],
)
async def test_refused_in_words(ingest: AnIngest, name: str, content: bytes, words: str) -> None:
    answer = await ingest.put(name, content)
    assert answer.status_code == 415
    assert words in answer.json()["detail"]


def test_a_head_that_ends_inside_a_character_is_text() -> None:
    for encoding in ("utf-8", "cp949", "utf-16"):
        head = ("가" * 5000).encode(encoding)
        assert shape_of(head[:8191]) == "text"
        assert "가가가" in (text_of(head[:8191]) or "")
