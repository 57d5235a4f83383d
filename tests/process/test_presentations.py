"""Presentations made here come out slide by slide, with what is on them and what is said of them."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from process.infrastructure.parsers.draft import Unreadable
from shared.artefacts.parsed import ParsedDocument

ParseBytes = Callable[..., ParsedDocument]
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
PLACE = (Inches(1), Inches(1), Inches(4), Inches(2))


def blocks(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def saved(slides: Any) -> bytes:
    file = io.BytesIO()
    slides.save(file)
    return file.getvalue()


def a_slide(show: Any, title: str, *lines: str) -> Any:
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = title
    slide.placeholders[1].text = "\n".join(lines)
    return slide


def test_titles_lists_notes_and_hidden_slides(parse_bytes: ParseBytes) -> None:
    show = pptx.Presentation()
    a_slide(show, "수입 절차", "신고", "심사").notes_slide.notes_text_frame.text = "천천히 설명"
    a_slide(show, "Old prices", "only one line")._element.set("show", "0")
    document = parse_bytes(saved(show), PPTX)
    assert blocks(document) == [
        ("heading", "수입 절차"),
        ("list_item", "신고"),
        ("list_item", "심사"),
        ("note", "천천히 설명"),
        ("heading", "Old prices (hidden slide)"),
        ("paragraph", "only one line"),
    ]
    assert [block.page for block in document.blocks] == [1, 1, 1, 1, 2, 2]
    assert (document.pages, document.title) == (2, "수입 절차")


def test_tables_charts_and_shapes_in_groups(parse_bytes: ParseBytes) -> None:
    show = pptx.Presentation()
    slide = a_slide(show, "Trade")
    table = slide.shapes.add_table(2, 2, *PLACE).table
    for at, text in enumerate(("both", "", "a", "b")):
        table.cell(at // 2, at % 2).text = text
    table.cell(0, 0).merge(table.cell(0, 1))
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]  # as its maker left it
    data.categories = ["2025", "2026"]
    data.add_series("Exports", (1.5, 2))
    chart = slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, *PLACE, data)
    chart._element.nvGraphicFramePr.cNvPr.set("descr", "What goes abroad")
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(*PLACE).text_frame.text = "inside a group"
    assert blocks(parse_bytes(saved(show), PPTX))[1:] == [
        ("table", "both\na\tb"),
        ("picture", "What goes abroad"),
        ("caption", "Bar chart"),
        ("table", "\tExports\n2025\t1.5\n2026\t2"),
        ("paragraph", "inside a group"),
    ]


def test_a_slide_that_cannot_be_read_is_a_warning_and_a_cut_file_is_refused(parse_bytes: ParseBytes) -> None:
    show = pptx.Presentation()
    a_slide(show, "first")
    a_slide(show, "second")
    raw = saved(show)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            if name != "ppt/slides/slide1.xml":
                target.writestr(name, source.read(name))
    document = parse_bytes(packed.getvalue(), PPTX)
    assert (document.text, document.warnings) == ("second", ("Slide 1 could not be read.",))
    with pytest.raises(Unreadable) as refusal:
        parse_bytes(raw[:-300], PPTX)
    assert refusal.value.data["code"] == "corrupt"


DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"


def test_numbers_have_the_form_of_their_list_and_begin_anew_with_another(parse_bytes: ParseBytes) -> None:
    show = pptx.Presentation()
    frame = show.slides.add_slide(show.slide_layouts[6]).shapes.add_textbox(*PLACE).text_frame
    kinds = (
        "arabicPeriod",
        "arabicPeriod",
        "circleNumDbPlain",
        "circleNumDbPlain",
        "romanLcParenR",
        "alphaUcParenBoth",
    )
    for at, kind in enumerate(kinds):
        line = frame.paragraphs[0] if at == 0 else frame.add_paragraph()
        line.text = "글"
        etree.SubElement(line._p.get_or_add_pPr(), f"{{{DRAWING}}}buAutoNum").set("type", kind)
    shown = [text.removesuffix(" 글") for _, text in blocks(parse_bytes(saved(show), PPTX))]
    assert shown == ["1.", "2.", "①", "②", "i)", "(A)"]


def test_formulas_are_told_once_and_hidden_shapes_never(parse_bytes: ParseBytes) -> None:
    formula = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        f'xmlns:a="{DRAWING}" xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><mc:Choice><m:oMath>'
        "<m:f><m:num><m:r><m:t>1</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath></mc:Choice>"
        "<mc:Fallback><a:r><a:t>a half</a:t></a:r></mc:Fallback></mc:AlternateContent>"
    )
    show = pptx.Presentation()
    shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
    shapes.add_textbox(*PLACE).text_frame.paragraphs[0]._p.append(etree.fromstring(formula))
    hidden = shapes.add_textbox(*PLACE)
    hidden.text_frame.text = "hidden"
    hidden._element.nvSpPr.cNvPr.set("hidden", "1")
    assert blocks(parse_bytes(saved(show), PPTX)) == [("paragraph", "1/2")]
