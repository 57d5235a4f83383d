"""JSON, notebooks and XML come out as what they say, not as they are escaped."""

import json
from collections.abc import Callable

import pytest

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
JSON, JSONL, XML = "application/json", "application/jsonl", "application/xml"
CSV = "text/csv"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_json_strings_are_unescaped_and_numbers_as_written(parse_bytes: ParseBytes) -> None:
    raw = json.dumps({"품목": "전기 자전거", "more": {"줄": "a\nb", "n": 1.50, "ok": True, "no": None}}).encode()
    raw = raw.replace(b"1.5,", b"1.50,")
    assert b"\\u" in raw
    assert parse_bytes(raw, JSON).text == "품목: 전기 자전거\nmore:\n  줄: a\nb\n  n: 1.50\n  ok: true\n  no:"


def test_records_that_are_alike_are_a_table(parse_bytes: ParseBytes) -> None:
    lines = b'{"id": 0, "\\uba54\\ubaa8": "\\ucc3d\\uace0"}\n{"id": 1, "x": true}\n'
    assert blocks(parse_bytes(lines, JSONL)) == [("table", "id\t메모\tx\n0\t창고\n1\t\ttrue")]
    nested = json.dumps({"rows": [{"a": 1}, {"a": 2}], "note": "n"}).encode()
    assert blocks(parse_bytes(nested, JSON)) == [("heading", "rows"), ("table", "a\n1\n2"), ("paragraph", "note: n")]


def test_what_is_no_json_keeps_its_text(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b'{"a": "\\ucc3d\\uace0", "b": ', JSON)
    assert "창고" in document.text and document.warnings
    document = parse_bytes(b'{"a": 1}\nbroken \\uac00 line\n', JSONL)
    assert "broken 가 line" in document.text
    assert parse_bytes(b"[" * 100_000 + b'"deep"', JSON).text


def test_letters_escaped_inside_a_string_are_letters(parse_bytes: ParseBytes) -> None:
    inner = json.dumps({"메모": "창고 이전 🚢", "pattern": "\\d\\u0041"})
    text = parse_bytes(json.dumps({"payload": inner}).encode(), JSON).text
    assert "메모" in text and "창고 이전 🚢" in text


def test_a_notebook(parse_bytes: ParseBytes) -> None:
    book = {
        "nbformat": 4,
        "cells": [
            {"cell_type": "markdown", "source": ["# 제목\n", "\n", "글"]},
            {"cell_type": "code", "source": "print(1)", "outputs": [{"text": ["1\n"]}]},
        ],
    }
    document = parse_bytes(json.dumps(book).encode(), "application/x-ipynb+json")
    assert blocks(document) == [("heading", "제목"), ("paragraph", "글"), ("code", "print(1)"), ("code", "1")]


def test_what_a_notebook_printed_as_a_page_alone(parse_bytes: ParseBytes) -> None:
    page = ["<style>td {color: red}</style><table><tr><td>품명</td><td>볼트</td></tr></table>"]
    outputs = [{"data": {"text/html": page}}, {"data": {"text/html": page, "text/plain": ["품명 볼트"]}}]
    book = {"nbformat": 4, "cells": [{"cell_type": "code", "source": "frame", "outputs": outputs}]}
    document = parse_bytes(json.dumps(book).encode(), "application/x-ipynb+json")
    assert blocks(document) == [("code", "frame"), ("table", "품명\t볼트"), ("code", "품명 볼트")]


def test_a_mistake_in_a_notebook(parse_bytes: ParseBytes) -> None:
    cell = {"cell_type": "code", "source": "x", "outputs": [{"output_type": "error", "ename": "E", "evalue": "값"}]}
    document = parse_bytes(json.dumps({"nbformat": 4, "cells": [cell]}).encode(), "application/x-ipynb+json")
    assert blocks(document) == [("code", "x"), ("code", "E: 값")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("\\ud488\\ubaa9", "품목"),
        ("\\u{d488}\\u{baa9} \\u{1F6A2}", "품목 🚢"),
        ("\\U0000d488\\U0000baa9", "품목"),
        ("\\xED\\x92\\x88\\xeb\\xaa\\xa9", "품목"),
        ("\\xff\\xd8\\xff\\xe0", "\\xff\\xd8\\xff\\xe0"),
        ("C:\\\\ud488\\\\ubaa9", "C:\\\\ud488\\\\ubaa9"),
        ("\\u{110000}\\u{d800}\\ud83d", "\\u{110000}\\u{d800}\\ud83d"),
    ],
)
@pytest.mark.parametrize("media_type", ["text/plain", CSV])
def test_letters_written_by_their_numbers(parse_bytes: ParseBytes, written: str, meant: str, media_type: str) -> None:
    raw = f"번호,이름\n1,{written}\n2,끝\n"
    assert meant in parse_bytes(raw.encode(), media_type).text.splitlines()[1]


@pytest.mark.parametrize(
    ("media_type", "raw"),
    [
        (CSV, ["번호,이름\n", "1,첫째 사람\n", "2,둘째 사람\n", "3,셋째 사람\n"]),
        (JSONL, ['{"이름": "첫째 사람"}\n', '{"이름": "둘째 사람"}\n', '{"이름": "셋째 사람"}\n']),
        (XML, ["<a>\n<b>첫째 사람</b>\n", "<b>둘째 사람</b>\n", "<b>셋째 사람</b></a>"]),
    ],
)
def test_data_in_two_encodings_is_read_with_a_warning(parse_bytes: ParseBytes, media_type: str, raw: list[str]) -> None:
    mixed = b"".join(line.encode("cp949" if number == 1 else "utf-8") for number, line in enumerate(raw))
    if media_type == CSV:
        mixed = raw[0].encode() + raw[1].encode() + raw[2].encode("cp949") + raw[3].encode()
    document = parse_bytes(mixed, media_type)
    assert all(f"{one} 사람" in document.text for one in ("첫째", "둘째", "셋째"))
    assert document.warnings == ("Most of the file is in UTF-8; 1 line is in CP949 (Korean) and read as such.",)


def test_pages_that_feeds_carry_are_read_as_pages(parse_bytes: ParseBytes) -> None:
    rss = (
        "<rss><channel><title>소식</title><item><description><![CDATA[<p>첫 문단</p><p>둘째<br/>줄 <b>굵</b>은 "
        "글</p><script>x()</script>]]></description></item><item><description>&lt;div&gt;셋째&lt;/div&gt;</description>"
        "</item><item><description>a &lt; b 그리고 &lt;모델명&gt;</description></item></channel></rss>"
    )
    text = parse_bytes(rss.encode(), XML).text
    assert "description: 첫 문단 둘째 줄 굵은 글\n" in text
    assert "description: 셋째\n" in text
    assert text.endswith("description: a < b 그리고 <모델명>")


@pytest.mark.parametrize("encoding", ["utf-8", "euc-kr", "utf-16"])
def test_xml_references_cdata_and_own_entities(parse_bytes: ParseBytes, encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE doc [<!ENTITY firm "회사">]><doc><t>&#51204;&#xC790;</t>'
        "<d><![CDATA[보관 <의무>]]></d><p>글 <b>굵은</b> 글</p><e>&firm;</e><f name='큰 값'/></doc>"
    )
    assert parse_bytes(text.encode(encoding), XML).text == "t: 전자\nd: 보관 <의무>\np: 글 굵은 글\ne: 회사\nf: 큰 값"


def test_xml_whose_records_are_attributes(parse_bytes: ParseBytes) -> None:
    text = (
        "<list version='1.0'><row 품명='사과' HS='0808.10' rate='45%'/><item name='apple' price='1,200'/>"
        "<style id='s12' font='3' bold='true'/><p lang='ko'>글</p></list>"
    )
    assert parse_bytes(text.encode(), XML).text == "row: 사과 0808.10 45%\nitem: apple 1,200\np: 글"


def test_xml_fetches_nothing_and_does_not_grow(parse_bytes: ParseBytes) -> None:
    outside = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>x &e;</a>'
    assert parse_bytes(outside, XML).text == "a: x"
    bomb = '<!DOCTYPE a [<!ENTITY a0 "lol">'
    bomb += "".join(f'<!ENTITY a{at} "{f"&a{at - 1};" * 10}">' for at in range(1, 12)) + "]><a>x &a11;</a>"
    assert len(parse_bytes(bomb.encode(), XML).text) < 1_000_000


def test_broken_xml_gives_what_is_before_the_mistake(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"<a><b>first</b><c>second</a>", XML)
    assert document.text.startswith("b: first") and document.warnings
    with pytest.raises(Unreadable):
        parse_bytes(b"\x00\x01<<<>>>", XML)


def test_words_inside_a_sentence_of_xml_are_not_parted(parse_bytes: ParseBytes) -> None:
    text = "<d><p>섞인 <b>글</b>과 <i>또</i> 글</p><row>사과<code>0808</code><rate>45%</rate></row></d>"
    assert parse_bytes(text.encode(), XML).text == "p: 섞인 글과 또 글\nrow: 사과 0808 45%"
