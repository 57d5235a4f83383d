"""DOC and PPT made here record by record: text in its order, tables, slides with notes; refusals with a reason."""

import struct
from collections.abc import Callable

import pytest
from ole_builder import an_ole_file

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
DOC, PPT = "application/msword", "application/vnd.ms-powerpoint"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def a_doc(main: str, footnotes: str = "", *, flags: int = 0, version: int = 0xC1) -> bytes:
    """Its first piece in single bytes, the rest in UTF-16."""
    ascii_part, rest = main[:4], main[4:] + footnotes
    body = bytearray(2048)
    where = [0x4000_0000 | len(body) * 2]
    body += ascii_part.encode("cp1252")
    where.append(len(body))
    body += rest.encode("utf-16-le")
    struct.pack_into("<HH", body, 0, 0xA5EC, version)
    struct.pack_into("<H", body, 10, flags)
    struct.pack_into("<6i", body, 0x4C, len(main), len(footnotes), 0, 0, 0, 0)
    plc = struct.pack("<3I", 0, 4, 4 + len(rest)) + b"".join(struct.pack("<HIH", 0, place, 0) for place in where)
    clx = b"\x01\x02\x00ab" + b"\x02" + struct.pack("<I", len(plc)) + plc
    struct.pack_into("<II", body, 0x01A2, 0, len(clx))
    return an_ole_file({"WordDocument": bytes(body), "0Table": clx})


def test_a_doc_with_a_table_a_field_and_a_footnote(parse_bytes: ParseBytes) -> None:
    main = 'Top \r수입 \x13 HYPERLINK "x" \x14안내\x15\r품목\x07세율\x07\x07책\x070%\x07\x07끝\r'
    assert blocks(parse_bytes(a_doc(main, "\x02 각주 글\r"), DOC)) == [
        ("paragraph", "Top"),
        ("paragraph", "수입 안내"),
        ("table", "품목\t세율\n책\t0%"),
        ("paragraph", "끝"),
        ("footnote", "각주 글"),
    ]


def test_private_use_hangul_of_a_doc_is_mapped_or_told(parse_bytes: ParseBytes) -> None:
    # In the range of the letters, and none of them.
    document = parse_bytes(a_doc("Top \r\uf53a글 \uf66f \uf0a7\r\uf53a\r"), DOC)
    assert blocks(document)[1:] == [("paragraph", "한글 \uf66f \uf0a7"), ("paragraph", "한")]
    assert document.warnings == ()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (a_doc("locked text", flags=0x100), "encrypted"),
        (a_doc("old text", version=0x65), "unsupported"),
        (a_doc("cut text")[:2048], "corrupt"),
        (an_ole_file({"WordDocument": b"junk" * 2_000}), "unsupported"),
    ],
)
def test_a_doc_that_cannot_be_read_says_why(parse_bytes: ParseBytes, raw: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(raw, DOC)
    assert refusal.value.data["code"] == code


def a_record(kind: int, content: bytes, variant: int = 0, *, container: bool = False) -> bytes:
    return struct.pack("<HHI", variant << 4 | (0xF if container else 0), kind, len(content)) + content


def some_text(kind: int, text: str) -> bytes:
    return a_record(0x0F9F, struct.pack("<I", kind)) + a_record(0x0FA0, text.encode("utf-16-le"))


def a_ppt(*, locked: bool = False) -> bytes:
    outline = a_record(0x03F3, struct.pack("<IIiII", 2, 0, 0, 256, 0)) + some_text(0, "제목") + some_text(1, "하나\r둘")
    notes_list = a_record(0x03F3, struct.pack("<IIiII", 3, 0, 0, 256, 0))
    document = a_record(
        0x03E8,
        a_record(0x0FF0, outline, 0, container=True) + a_record(0x0FF0, notes_list, 2, container=True),
        container=True,
    )
    box = a_record(0xF00D, some_text(4, "상자"), container=True)
    slide = a_record(0x03EE, a_record(0x040C, box, container=True), container=True)
    notes = a_record(0x03F0, a_record(0x03F1, struct.pack("<IHH", 256, 0, 0)) + some_text(2, "설명"), container=True)
    raw, places = b"", []
    for part in (document, slide, notes):
        places.append(len(raw))
        raw += part
    directory = len(raw)
    raw += a_record(0x1772, struct.pack("<4I", 3 << 20 | 1, *places))
    edit = len(raw)
    raw += a_record(0x0FF5, struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, directory, 1, 4, 0, 0))
    user = a_record(0x0FF6, struct.pack("<III", 20, 0xF3D1C4DF if locked else 0xE391C05F, edit))
    return an_ole_file({"Current User": user, "PowerPoint Document": raw})


def test_a_ppt_with_its_notes(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(a_ppt(), PPT)
    assert blocks(document) == [
        ("heading", "제목"),
        ("list_item", "하나"),
        ("list_item", "둘"),
        ("paragraph", "상자"),
        ("note", "설명"),
    ]
    assert (document.pages, document.title) == (1, "제목")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (a_ppt(locked=True), "encrypted"),
        (an_ole_file({"Current User": bytes(64), "PowerPoint Document": bytes(64)}), "corrupt"),
        (an_ole_file({"PowerPoint Document": bytes(64)}), "corrupt"),
    ],
)
def test_a_ppt_that_cannot_be_read_says_why(parse_bytes: ParseBytes, raw: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(raw, PPT)
    assert refusal.value.data["code"] == code
