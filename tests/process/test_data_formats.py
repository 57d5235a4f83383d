"""JSON, notebooks and XML come out as what they say, not as they are escaped."""

import json
from collections.abc import Callable

import pytest

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
JSON, JSONL, XML = "application/json", "application/jsonl", "application/xml"


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
