"""Charts of office files as text: their title, and what they show as a table."""

from process.infrastructure.parsers.charts import add_chart
from process.infrastructure.parsers.draft import Draft
from process.infrastructure.parsers.package import xml_root


def text_of(chart: str) -> str:
    draft = Draft("application/x-chart", most_characters=10_000)
    add_chart(draft, xml_root(chart.encode()))
    return draft.text


def test_a_title_may_be_that_of_a_cell() -> None:
    chart = (
        '<c:chartSpace xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:chart><c:title><c:tx><c:strRef>'
        "<c:f>Sheet1!A1</c:f><c:strCache><c:pt idx='0'><c:v>Ducks by year</c:v></c:pt></c:strCache></c:strRef></c:tx>"
        "</c:title><c:plotArea><c:pieChart/></c:plotArea></c:chart></c:chartSpace>"
    )
    assert text_of(chart) == "Ducks by year – Pie chart"


def test_charts_of_newer_kinds_are_tables_too() -> None:
    chart = (
        '<cx:chartSpace xmlns:cx="http://schemas.microsoft.com/office/drawing/2014/chartex"><cx:chartData>'
        '<cx:data id="0"><cx:strDim type="cat"><cx:lvl ptCount="2"><cx:pt idx="0">opening</cx:pt><cx:pt idx="1">ducks'
        '</cx:pt></cx:lvl></cx:strDim><cx:numDim type="val"><cx:lvl ptCount="2"><cx:pt idx="0">100</cx:pt>'
        '<cx:pt idx="1">-12.5</cx:pt></cx:lvl></cx:numDim></cx:data></cx:chartData><cx:chart><cx:title><cx:tx>'
        "<cx:txData><cx:v>From stock to stock</cx:v></cx:txData></cx:tx></cx:title><cx:plotArea><cx:plotAreaRegion>"
        '<cx:series layoutId="waterfall"><cx:tx><cx:txData><cx:v>Pieces</cx:v></cx:txData></cx:tx>'
        '<cx:dataId val="0"/></cx:series></cx:plotAreaRegion></cx:plotArea></cx:chart></cx:chartSpace>'
    )
    assert text_of(chart) == "From stock to stock\n\n\tPieces\nopening\t100\nducks\t-12.5"
