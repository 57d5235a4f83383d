"""What a chart shows (DrawingML, ECMA-376-1, 21.2): its title, and its series as a table."""

from typing import Any, Final

from process.infrastructure.parsers.draft import Draft, one_line
from process.infrastructure.parsers.grids import add_grid
from process.infrastructure.parsers.number_formats import plain_number
from process.infrastructure.parsers.package import local

_MOST_POINTS: Final = 10_000
_KINDS: Final = {
    **dict.fromkeys(("barChart", "bar3DChart"), "Bar chart"),
    **dict.fromkeys(("lineChart", "line3DChart"), "Line chart"),
    **dict.fromkeys(("pieChart", "pie3DChart", "ofPieChart"), "Pie chart"), "doughnutChart": "Doughnut chart",
    **dict.fromkeys(("areaChart", "area3DChart"), "Area chart"), "scatterChart": "Scatter chart",
    "radarChart": "Radar chart", "bubbleChart": "Bubble chart", "stockChart": "Stock chart",
    **dict.fromkeys(("surfaceChart", "surface3DChart"), "Surface chart"),
}  # fmt: skip


def add_chart(draft: Draft, root: Any, *, page: int | None = None) -> None:
    """Its title as a caption, then a row for each category with a column for each series; nothing where it is None."""
    if root is None:
        return
    chart = next(root.iter("{*}chart"), root)
    titles = [_title(title) for title in chart.iter("{*}title")]
    kinds = dict.fromkeys(local(one) for area in root.iter("{*}plotArea") for one in area if local(one) in _KINDS)
    draft.add(
        "caption", " – ".join([*(title for title in titles if title), *(_KINDS[kind] for kind in kinds)]), page=page
    )
    names: list[str] = []
    values: list[dict[int, str]] = []
    categories: dict[int, str] = {}
    for series in root.iter("{*}ser"):
        parts = {local(child): child for child in series}
        names.append(" ".join(_points(parts.get("tx")).values()) or f"Series {len(names) + 1}")
        values.append(_points(parts.get("val", parts.get("yVal"))))
        categories = categories or _points(parts.get("cat", parts.get("xVal")))
    rows = [["", *names]] if names else []
    for at in sorted(set(categories).union(*values))[:_MOST_POINTS]:
        rows.append([categories.get(at, ""), *(column.get(at, "") for column in values)])
    if len(rows) > 1 or names:
        add_grid(draft, rows, page=page)
    for data in root.iter("{*}data"):
        _add_dimensions(draft, root, data, page)


def _title(title: Any) -> str:
    """Its own words, or those of the cell that it shows."""
    words = [run.text or "" for run in title.iter("{*}t")] or [value.text or "" for value in title.iter("{*}v")]
    return one_line(" ".join(words))


def _add_dimensions(draft: Draft, root: Any, data: Any, page: int | None) -> None:
    """Of the charts of Office 2016 (waterfall, treemap, …; MS-ODRAWXML 2.24.3): categories and values by themselves."""
    series = next((one for one in root.iter("{*}series") if _data_of(one) == data.get("id")), None)
    name = next((_title(one) for one in series if local(one) == "tx"), "") if series is not None else ""
    texts, numbers = ([_of_level(one) for one in data if local(one) == kind] for kind in ("strDim", "numDim"))
    columns = [*texts, *numbers]
    places = sorted(set().union(*columns))[:_MOST_POINTS]
    header = [*("" for _ in texts), *(name for _ in numbers)]
    rows = [[column.get(at, "") for column in columns] for at in places]
    if rows:
        add_grid(draft, [header, *rows] if name else rows, page=page)


def _data_of(series: Any) -> str | None:
    return next((one.get("val") for one in series if local(one) == "dataId"), None)


def _of_level(dimension: Any) -> dict[int, str]:
    level = next(dimension.iter("{*}lvl"), None)
    points = level.iter("{*}pt") if level is not None else ()
    found = {
        int(one.get("idx", "")): _plain(one_line(one.text or "")) for one in points if one.get("idx", "").isdigit()
    }
    return dict(list(found.items())[:_MOST_POINTS])


def _points(element: Any) -> dict[int, str]:
    """The cached values by their place; of categories in levels the innermost."""
    found: dict[int, str] = {}
    if element is None:
        return found
    level = next(element.iter("{*}lvl"), None)
    for point in (level if level is not None else element).iter("{*}pt"):
        place = point.get("idx") or ""
        text = next((child.text or "" for child in point if local(child) == "v"), "")
        if place.isdigit() and len(found) < _MOST_POINTS:
            found[int(place)] = _plain(one_line(text))
    if not found:
        text = one_line(" ".join(one.text or "" for one in element.iter("{*}v", "{*}t")))
        return {0: text} if text else {}
    return found


def _plain(text: str) -> str:
    try:
        return plain_number(float(text))
    except (ValueError, OverflowError):
        return text
