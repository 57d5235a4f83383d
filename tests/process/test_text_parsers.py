"""Plain text, Markdown and HTML become normalised text with blocks."""

import contextlib
import time
import unicodedata
from collections.abc import Callable

import pytest

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
MARKDOWN, HTML = "text/markdown", "text/html"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_paragraphs_of_a_text_are_parted_by_blank_lines(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"Import duties\r\n\r\nFirst line\r\nsecond line.\r\n \t \r\n\r\nAnother one.\r\n")
    assert blocks(document) == [
        ("title", "Import duties"),
        ("paragraph", "First line\nsecond line."),
        ("paragraph", "Another one."),
    ]
    assert (document.title, document.language, document.media_type) == ("Import duties", None, "text/plain")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"msg.hello=\uc548\ub155 \uc138\uacc4 \uad6d", "msg.hello=안녕 세계 국"),
        (
            r"{name: '\uAD00\uC138 \ud83d\udea2', n: '\u0041\u0042\u000a'}",
            r"{name: '관세 🚢', n: '\u0041\u0042\u000a'}",
        ),
        (r"[\uac00-\ud7a3] or \ud83d or \u0000\u0001 or \\uc548\\ub155", None),
    ],
)
def test_letters_that_are_written_as_escapes_are_letters(
    parse_bytes: ParseBytes, written: str, shown: str | None
) -> None:
    assert parse_bytes(written.encode(), "text/plain").text == (shown or written)


def test_text_is_normalised(parse_bytes: ParseBytes) -> None:
    raw = unicodedata.normalize("NFD", "관세\u00a0청") + "\x00\x07\u200b\u2028끝\r다음\u00ad줄"
    document = parse_bytes(raw.replace("\x00", "").encode())
    assert document.text == "관세 청\n끝\n다음줄"
    assert document.language == "ko"


@pytest.mark.parametrize("raw", [b"", b" \n\t\r\n ", "\ufeff".encode(), "\u200b\u200b".encode()])
def test_a_file_without_text_is_refused(parse_bytes: ParseBytes, raw: bytes) -> None:
    with pytest.raises(Unreadable, match="no text") as refusal:
        parse_bytes(raw)
    assert refusal.value.data["code"] == "no_text"


def test_more_text_than_allowed_is_refused(parse_bytes: ParseBytes) -> None:
    with pytest.raises(Unreadable, match="more than 1,000 characters") as refusal:
        parse_bytes(b"word " * 400, most_characters=1_000)
    assert refusal.value.data == {"code": "too_much_text", "retryable": False}


@pytest.mark.parametrize("unit", [b"a", b"a\n", b"a\n\n", b" ", b"a ", b"<a", b"**a", b"[a](", b"`", b"|-", b"&#1;"])
@pytest.mark.parametrize("media_type", ["text/plain", MARKDOWN, HTML])
def test_hostile_text_takes_time_in_proportion_to_its_length(
    parse_bytes: ParseBytes, unit: bytes, media_type: str
) -> None:
    def seconds(length: int) -> float:
        started = time.process_time()
        with contextlib.suppress(Unreadable):
            parse_bytes(unit * (length // len(unit)), media_type)
        return time.process_time() - started

    seconds(1_000)
    assert seconds(160_000) <= 40 * max(seconds(20_000), 0.01)


def test_markdown_becomes_structure_and_stays_readable(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(
        b"""---
title: "The tariff"
---
# Duties & taxes #

Goods are **heavy** and *taxed* by [the law](http://law.example), see `code_name` and 2 * 3 * 4.
Second line.

Rates
-----
- first *item*
- second
  goes on
1. numbered

| Code | Rate |
|------|-----:|
| 8471.30 | 0 \\| free |

```python
# not a heading
x = 1
```
> quoted words
""",
        MARKDOWN,
    )
    assert blocks(document) == [
        ("code", 'title: "The tariff"'),
        ("heading", "Duties & taxes"),
        ("paragraph", "Goods are heavy and taxed by the law, see code_name and 2 * 3 * 4.\nSecond line."),
        ("heading", "Rates"),
        ("list_item", "- first item"),
        ("list_item", "- second\ngoes on"),
        ("list_item", "1. numbered"),
        ("table", "Code\tRate\n8471.30\t0 | free"),
        ("code", "# not a heading\nx = 1"),
        ("paragraph", "quoted words"),
    ]
    assert document.title == "The tariff"
    assert [block.level for block in document.blocks if block.kind == "heading"] == [1, 2]


def test_html_keeps_what_is_read_and_drops_the_rest(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(
        """<!doctype html><html><head><title>관세 &amp; 무역</title><style>p {}</style>
        <script>alert("x")</script></head><body>
        <nav><a href="/a">Home</a><a href="/b">About</a></nav>
        <h1>Duty <em>rates</em></h1><p>First&nbsp;paragraph
        goes on.<br>New line.</p>
        <ul><li>one</li><li><p>two</p></li></ul>
        <table><caption>Rates</caption><tr><th>Code</th><th>Rate</th></tr><tr><td>8471</td><td>0<b>%</b></td></tr></table>
        <pre>a
  b</pre><div hidden>secret</div><div style="display: none">secret</div>
        <table><tr><td><h2>Layout</h2><p>Inside.</p></td><td>Side</td></tr></table>
        <script>bad()</script>Tail</body></html>""".encode(),
        HTML,
    )
    assert blocks(document) == [
        ("title", "관세 & 무역"),
        ("heading", "Duty rates"),
        ("paragraph", "First paragraph goes on.\nNew line."),
        ("list_item", "one"),
        ("list_item", "two"),
        ("caption", "Rates"),
        ("table", "Code\tRate\n8471\t0%"),
        ("code", "a\n  b"),
        ("heading", "Layout"),
        ("paragraph", "Inside."),
        ("paragraph", "Side"),
        ("paragraph", "Tail"),
    ]
    assert document.title == "관세 & 무역"


def test_html_is_read_in_the_encoding_it_declares(parse_bytes: ParseBytes) -> None:
    page = '<html><head><meta content="text/html; charset=euc-kr"></head><body>똠방각하</body>'
    assert parse_bytes(page.encode("cp949"), HTML).text == "똠방각하"
    assert parse_bytes("<p>Größe naïve</p>".encode("cp1252"), HTML).text == "Größe naïve"


def test_html_nested_beyond_reason_ends(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"<div>" * 10_000 + b"deep" + b"<table><tr><td>" * 200 + b"cell", HTML)
    assert "deep" in document.text


def test_a_table_of_contents_is_kept_and_site_navigation_is_not(parse_bytes: ParseBytes) -> None:
    document = parse_bytes(b"<nav><a href='#one'>1 Scope</a></nav><nav><a href='/x'>Shop</a></nav><p>Text</p>", HTML)
    assert "1 Scope" in document.text
    assert "Shop" not in document.text


def test_colours_titles_and_letters_struck_over_are_as_a_terminal_shows_them(parse_bytes: ParseBytes) -> None:
    raw = "\x1b]0;title\x07\x1b[1;31m오류\x1b[0m 접속 실패\x1b[K\nN\x08NA\x08AM\x08ME\x08E _\x08x\n"
    assert parse_bytes(raw.encode()).text == "오류 접속 실패\nNAME x"
