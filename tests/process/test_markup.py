"""Markdown and HTML: what a person sees on the page, and nothing that only programs read."""

from collections.abc import Callable

import pytest

from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
MARKDOWN, HTML = "text/markdown", "text/html"


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("`a  b` and ``x ` y``", [("paragraph", "a  b and x ` y")]),
        ("- one\n\n  ```c\n  int  x;\n\n  y\n  ```\n  on\n- two", [
            ("list_item", "- one"), ("code", "int  x;\n\ny"), ("paragraph", "on"), ("list_item", "- two"),
        ]),
        ("3) c\n4) d\n   - e", [("list_item", "3) c"), ("list_item", "4) d"), ("list_item", "- e")]),
        ("- [ ] open\n- [x] done", [("list_item", "- [ ] open"), ("list_item", "- [x] done")]),
        ("~~~\n\\*a\\* <b>\n~~~", [("code", "\\*a\\* <b>")]),
        ("\tint x;\n\tint *p;", [("code", "int x;\nint *p;")]),
        ("see [the law][r], [r] and ![a map](m.png)\n\n[r]: http://x.example 'Title'", [
            ("paragraph", "see the law, r and a map"),
        ]),
        ("![a map](m.png)", [("picture", "a map")]),
        ("text[^1]\n\n[^1]: word\n[^long]: more words\n    and more", [
            ("paragraph", "text[^1]"), ("footnote", "[^1]: word"), ("footnote", "[^long]: more words\nand more"),
        ]),
        ("> quoted\n> on\n>\n> - item", [("paragraph", "quoted\non"), ("list_item", "- item")]),
        ("Vec<String> and <name> and <T>", [("paragraph", "Vec<String> and <name> and <T>")]),
        ("<my-tag>inside</my-tag> <span>of</span>", [("paragraph", "inside of")]),
        ("the <script> tag, the <title> tag\n\nis not the end", [
            ("paragraph", "the <script> tag, the <title> tag"), ("paragraph", "is not the end"),
        ]),
        ("a<br>b<br/>c", [("paragraph", "a\nb\nc")]),
        ("a<td>b</td><td>c</td>", [("paragraph", "ab c")]),
        ("a<hr>b", [("paragraph", "a"), ("paragraph", "b")]),
        ("<dl><dt>word</dt><dd>meaning</dd></dl>", [("paragraph", "word"), ("list_item", "meaning")]),
        ("<div hidden>\n\nsecret **text**\n\n</div>\n\nshown", [("paragraph", "shown")]),
        ("before <!-- a\ncomment --> after", [("paragraph", "before after")]),
        ("&copy; &#44032; &lt;p&gt; <https://a.example>", [("paragraph", "© 가 <p> https://a.example")]),
        ("put <your-name> or <host-id> here, <my-tag>x</my-tag>", [
            ("paragraph", "put <your-name> or <host-id> here, x"),
        ]),
        ("| a | b |\n|-|-|\n| <details><summary>c</summary>d</details> | <p>e</p>f |", [("table", "a\tb\nc d\te f")]),
        ("~~old~~ **굵은**말 *기운*말", [("paragraph", "old 굵은말 기운말")]),
        ("| a | b |\n|---|:-:|\n| `x\\|y` | **z** |", [("table", "a\tb\nx|y\tz")]),
        ("Setext\n---\n\n# ATX #", [("heading", "Setext"), ("heading", "ATX")]),
        ("---\n\na rule first", [("paragraph", "a rule first")]),
        ("+++\ntitle = \"t\"\n+++\na", [("code", 'title = "t"'), ("paragraph", "a")]),
        ("가로 2*3*4 cm, *기운* 글", [("paragraph", "가로 2*3*4 cm, 기운 글")]),
        ("<table>\n<tr><td rowspan=2>a</td><td>b</td></tr>\n<tr><td>c</td></tr>\n</table>", [("table", "a\tb\n\tc")]),
    ],
)  # fmt: skip
def test_markdown_is_read_as_it_is_rendered(
    parse_bytes: ParseBytes, source: str, expected: list[tuple[str, str]]
) -> None:
    assert blocks(parse_bytes(source.encode(), MARKDOWN)) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a<img alt='the map' src=x>b<img alt='' src=y>c", [("paragraph", "a the map b c")]),
        ("<img alt='the map' src=x>", [("picture", "the map")]),
        ("<textarea>filled in</textarea><input value='typed'><input type=hidden value=token><input type=password "
         "value=pw>", [("paragraph", "filled in typed")]),
        ("<select><option>one<option selected>two</select><button>Send</button>", [("paragraph", "two")]),
        ("<svg><title>Plan</title><text>door</text><text>wall</text><style>.x{}</style><defs><text>no</text></defs>"
         "</svg>", [("paragraph", "Plan"), ("paragraph", "door"), ("paragraph", "wall")]),
        ("<iframe srcdoc='&lt;p&gt;inner &lt;b&gt;text&lt;/b&gt;&lt;/p&gt;'>none</iframe>", [
            ("paragraph", "inner text"),
        ]),
        ("<object data=x>instead</object><video>no video</video><noscript>no script</noscript>", [
            ("paragraph", "instead"),
        ]),
        ("<math><mi>x</mi><mo>=</mo><mn>1</mn><annotation>\\frac</annotation></math>", [("paragraph", "x=1")]),
        ("<template>no</template><dialog>no</dialog><dialog open>yes</dialog>", [("paragraph", "yes")]),
        ("<details><summary>more</summary><p>folded</p></details>", [("paragraph", "more"), ("paragraph", "folded")]),
        ("<p hidden=until-found>found</p><p hidden>no</p><p style='font-size:0'>no</p><p style='VISIBILITY:hidden'>no",
         [("paragraph", "found")]),
        ("<p aria-hidden=true>shown</p><p dir=rtl>שלום</p>", [("paragraph", "shown"), ("paragraph", "שלום")]),
        ("<ruby>漢字<rt>한자</rt></ruby> <ruby>東<rp>(</rp><rt>동</rt><rp>)</rp></ruby>", [
            ("paragraph", "漢字(한자) 東(동)"),
        ]),
        ("<ul><li>one<ul><li>inner</ul><li><p>two</p></ul>", [
            ("list_item", "one"), ("list_item", "inner"), ("list_item", "two"),
        ]),
        ("<pre>a<br>b <span hidden>x</span>  c</pre>", [("code", "a\nb   c")]),
        ("<code>a  b</code>", [("paragraph", "a  b")]),
        ("<table><tr><th rowspan=2>Goods<th colspan=2>Rate<tr><th>2023<th>2024<tr><td>a<br>b<td>1<td>2<tr hidden><td>"
         "no<td>no<td>no</table>", [("table", "Goods\tRate\n\t2023\t2024\na b\t1\t2")]),
        ("a<wbr>b&shy;c ﬁ", [("paragraph", "abc fi")]),
        ("<ol start=3><li>a<ol type=a><li>b</ol><li value=9>c<li>d</ol><ol reversed type=I><li>e<li>f</ol>", [
            ("list_item", "3. a"), ("list_item", "a. b"), ("list_item", "9. c"), ("list_item", "10. d"),
            ("list_item", "II. e"), ("list_item", "I. f"),
        ]),
        ("<ol style='list-style-type: hangul'><li>a</ol><ol style='list-style:none'><li>b</ol><ol><li>1) c<li>제2조 d",
         [("list_item", "가. a"), ("list_item", "b"), ("list_item", "1) c"), ("list_item", "제2조 d")]),
        ("<style>ul, ol { margin: 0; list-style: none }</style><ol><li>a</ol>", [("list_item", "a")]),
        ("<svg><g><title>part</title><text>a</text></g></svg>", [("paragraph", "part"), ("paragraph", "a")]),
        ("<input type=radio checked> yes <input type=radio> no <progress>30%</progress>", [("paragraph", "☑ yes no")]),
        ("<p style='max-height:0;overflow:hidden'>no</p><p style='max-height:0.5em'>b", [("paragraph", "b")]),
        ("a <svg role=img aria-label='a chart'><text>no</text></svg>", [("paragraph", "a a chart")]),
        ("<math><msqrt><mn>3</mn></msqrt></math>", [("paragraph", "√3")]),
        ("<table><tr><td>left<td><table><tr><td>a<td>b<tr><td>c<td>d</table></table>", [
            ("paragraph", "left"), ("table", "a\tb\nc\td"),
        ]),
        ("<table><tr><th>a<th>b<tr><td>c<td><table><tr><td>d<td>e</table><tr><td>f<td>g</table>", [
            ("table", "a\tb\nc\td e\nf\tg"),
        ]),
        ("<math><mi>x</mi><mo>=</mo><mfrac><mn>1</mn><mrow><mi>a</mi><mo>+</mo><mn>2</mn></mrow></mfrac></math>", [
            ("paragraph", "x=1/(a+2)"),
        ]),
    ],
)  # fmt: skip
def test_html_is_read_as_it_is_shown(parse_bytes: ParseBytes, source: str, expected: list[tuple[str, str]]) -> None:
    assert blocks(parse_bytes(f"<!doctype html><body>{source}".encode(), HTML)) == expected


@pytest.mark.parametrize(
    "unit", ["<table><tr><td>", "> ", "- ", "![", "[a][b]\n", "[^a]:\n", "<svg>", "<!--", "* a\n  ", "`a``", "<script>"]
)
@pytest.mark.parametrize("media_type", [MARKDOWN, HTML])
def test_nested_and_broken_markup_ends(parse_bytes: ParseBytes, unit: str, media_type: str) -> None:
    assert "the end" in parse_bytes(f"the end\n\n{unit * 5_000}".encode(), media_type).text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("**관세(關稅)**는 세금이다.", "관세(關稅)는 세금이다."),
        ("**'품목'**을 정한 *(주)*한국", "'품목'을 정한 (주)한국"),
        ('은**"새"**는 ***다(多)***를', '은"새"는 다(多)를'),
        ("関税は**「税金」**です", "関税は「税金」です"),
        ("2 * 3 * 4, 가 * 나 * 다, a_b_c", "2 * 3 * 4, 가 * 나 * 다, a_b_c"),
        ("**Bold(x)**and", "**Bold(x)**and"),
    ],
)
def test_stars_around_signs_before_a_particle_are_marks(parse_bytes: ParseBytes, written: str, shown: str) -> None:
    assert parse_bytes(written.encode(), MARKDOWN).text == shown


XHTML = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><script src="x.js"/></head><body>{}</body></html>'


@pytest.mark.parametrize("head", ["", '<?xml version="1.0" encoding="utf-8"?>\n', "<!DOCTYPE html>\n"])
def test_what_xml_calls_empty_swallows_nothing(parse_bytes: ParseBytes, head: str) -> None:
    page = head + XHTML.format('<p>a<a id="b"/>b</p><div class="c"/><textarea rows="2" /><br/><p>c<img src="d"/></p>')
    assert blocks(parse_bytes(page.encode(), HTML)) == [("paragraph", "ab"), ("paragraph", "c")]


def test_the_title_of_a_part_of_a_drawing_is_not_the_pages(parse_bytes: ParseBytes) -> None:
    assert parse_bytes(b"<body><p>a</p><svg><g><title>part</title></g></svg>", HTML).title is None
