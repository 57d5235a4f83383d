"""PPTX: slides in their order with titles, lists, tables, charts, diagrams, notes and comments; hidden ones are marked.

(ECMA-376-1, 19 for slides, 21 for what is drawn on them.) A slide is a page.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.charts import add_chart
from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.formulas import PARTS as FORMULA_PARTS
from process.infrastructure.parsers.formulas import put_together
from process.infrastructure.parsers.grids import Span, add_grid
from process.infrastructure.parsers.number_text import number_text
from process.infrastructure.parsers.package import Package, local, relation_of
from process.infrastructure.parsers.pictures import add_members, described

_TITLES: Final = frozenset(("title", "ctrTitle"))
_NOT_READ: Final = frozenset(("sldNum", "dt", "sldImg"))
_ONCE: Final = frozenset(("ftr", "hdr"))
"""The same on every slide."""
_BODIES: Final = frozenset(("body", "obj"))
_FIELDS_NOT_READ: Final = ("slidenum", "datetime")
_NUMBER_FORMS: Final = (
    ("alphaLc", "lowerLetter"), ("alphaUc", "upperLetter"), ("romanLc", "lowerRoman"), ("romanUc", "upperRoman"),
    ("circleNum", "decimalEnclosedCircle"), ("arabicDb", "decimalFullWidth"), ("ea1", "japaneseCounting"),
)  # fmt: skip
"""By how kinds of numbering begin; others are figures."""
_NO_TITLES: Final = frozenset(("powerpoint presentation", "powerpoint 프레젠테이션", "presentation", "slide 1"))
_DEEPEST: Final = 50


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with Package(path, "PowerPoint presentation") as package:
        main = next((target for kind, target in package.related("").values() if kind == "officeDocument"), None)
        main = main if main is not None and package.has(main) else "ppt/presentation.xml"
        root = package.tree(main)
        if root is None:
            raise Unreadable(
                "corrupt",
                "The presentation is damaged. Open it in PowerPoint, save it again, and upload the result.",
            )
        related = package.related(main)
        slides = [related.get(relation_of(one), ("", ""))[1] for one in root.iter("{*}sldId")]
        reader = _Reader(package, draft)
        for number, name in enumerate(slides, 1):
            reader.read(name, number)
        draft.pages = len(slides) or None
        draft.title = _title(package) or reader.first_title


def _title(package: Package) -> str | None:
    root = package.tree("docProps/core.xml")
    title = one_line(next((one.text or "" for one in root.iter("{*}title")), "")) if root is not None else ""
    return title if len(title) > 1 and title.casefold() not in _NO_TITLES else None


class _Reader:
    """One slide after the other into the draft."""

    def __init__(self, package: Package, draft: Draft) -> None:
        self._package = package
        self._draft = draft
        self._page = 0
        self._said: set[str] = set()
        self.first_title: str | None = None

    def read(self, name: str, number: int) -> None:
        """The slide's own content, then what is said of it."""
        self._page = number
        root = self._package.tree(name) if name else None
        if root is None:
            self._draft.warnings.append(f"Slide {number} could not be read.")
            return
        related = self._package.related(name)
        shapes = list(_shapes(root))
        mark = " (hidden slide)" if root.get("show") in ("0", "false") else ""
        title = one_line(" ".join(_text(shape) for shape in shapes if _placeholder(shape) in _TITLES))
        self.first_title = self.first_title or title or None
        if title or mark:
            self._add("heading", (title or f"Slide {number}") + mark, level=1)
        for shape in shapes:
            if _placeholder(shape) not in _TITLES:
                self._shape(shape, related)
        for kind, target in related.values():
            if kind == "notesSlide":
                self._notes(target)
            elif kind == "comments":
                self._comments(target)

    def _add(self, kind: str, text: str, *, level: int = 0) -> None:
        self._draft.add(kind, text, level=level, page=self._page)

    def _shape(self, shape: Any, related: dict[str, tuple[str, str]]) -> None:
        kind, place = local(shape), _placeholder(shape)
        if place in _NOT_READ or _is_hidden(shape):
            return
        self._add("picture", described(next((one.get("descr") or "" for one in shape.iter("{*}cNvPr")), "")))
        if kind == "graphicFrame":
            self._graphic(shape, related)
            return
        if kind == "pic":
            self._pictures(shape, related)
            return
        body = next((child for child in shape if local(child) == "txBody"), None)
        if body is None:
            return
        if place in _ONCE:
            text = _text(body)
            if text in self._said:
                return
            self._said.add(text)
        self._paragraphs(body, is_body=place in _BODIES)

    def _pictures(self, shape: Any, related: dict[str, tuple[str, str]]) -> None:
        targets = [related.get(relation_of(one, "embed"), ("", ""))[1] for one in shape.iter("{*}blip")]
        add_members(self._draft, self._package, targets, page=self._page)

    def _paragraphs(self, body: Any, *, is_body: bool) -> None:
        lines = [(line, _line_text(line)) for line in body if local(line) == "p"]
        lines = [(line, text) for line, text in lines if text.strip()]
        counts: dict[int, tuple[tuple[str, str], int]] = {}
        for line, text in lines:
            properties = next((child for child in line if local(child) == "pPr"), None)
            level = int(properties.get("lvl") or 0) if properties is not None and _is_digit(properties) else 0
            marks = {local(child): child for child in properties} if properties is not None else {}
            counts = {at: count for at, count in counts.items() if at <= level}
            if "buAutoNum" in marks:
                start = marks["buAutoNum"].get("startAt") or "1"
                numbering = marks["buAutoNum"].get("type") or "", start
                former, count = counts.get(level, (numbering, 0))
                # A list of another kind begins anew.
                if former != numbering or not count:
                    count = int(start) - 1 if start.isdigit() else 0
                counts[level] = numbering, count + 1
                text = f"{_label(numbering[0], count + 1)} {text.lstrip()}"
            else:
                counts.pop(level, None)
            is_item = bool({"buAutoNum", "buChar", "buBlip"} & marks.keys())
            is_item = is_item or (is_body and len(lines) > 1 and "buNone" not in marks)
            self._add("list_item" if is_item else "paragraph", text)

    def _graphic(self, frame: Any, related: dict[str, tuple[str, str]]) -> None:
        for element in frame.iter("{*}tbl", "{*}chart", "{*}relIds"):
            name = local(element)
            if name == "tbl":
                self._table(element)
                return
            relation = relation_of(element, "dm" if name == "relIds" else "id")
            kind, target = related.get(relation, ("", ""))
            if kind in ("chart", "chartEx"):
                add_chart(self._draft, self._package.tree(target), page=self._page)
            elif kind == "diagramData":
                root = self._package.tree(target)
                for point in root.iter("{*}pt") if root is not None else ():
                    self._add("list_item", _text(point))
            elif kind:
                root = self._package.tree(target)
                self._add("paragraph", _text(root) if root is not None else "")

    def _table(self, table: Any) -> None:
        rows: list[list[str]] = []
        spans: list[Span] = []
        for number, row in enumerate(one for one in table if local(one) == "tr"):
            cells: list[str] = []
            for cell in (one for one in row if local(one) == "tc"):
                across, down = (_count(cell.get(name)) for name in ("gridSpan", "rowSpan"))
                if across > 1 or down > 1:
                    spans.append(Span(number, len(cells), down, across))
                cells.append("" if _is_on(cell.get("hMerge")) or _is_on(cell.get("vMerge")) else _text(cell))
            rows.append(cells)
        add_grid(self._draft, rows, spans=spans, page=self._page)

    def _notes(self, name: str) -> None:
        root = self._package.tree(name)
        for shape in _shapes(root) if root is not None else ():
            text = _text(shape) if _placeholder(shape) in ("body", None) else ""
            if text.strip():
                self._add("note", text)

    def _comments(self, name: str) -> None:
        root = self._package.tree(name)
        if root is None:
            return
        for comment in root.iter("{*}cm", "{*}reply"):
            own = (child for child in comment if local(child) in ("text", "txBody"))
            text = one_line(" ".join((body.text or "") if local(body) == "text" else _text(body) for body in own))
            if text:
                self._add("comment", text)


def _shapes(root: Any) -> Iterator[Any]:
    """What is drawn, groups opened, one of each pair of alternatives."""
    stack = [(tree, 0) for tree in root.iter("{*}spTree")][::-1]
    while stack:
        element, depth = stack.pop()
        name = local(element)
        if name in ("sp", "pic", "graphicFrame", "cxnSp"):
            yield element
        elif name in ("spTree", "grpSp", "Choice", "AlternateContent", "Fallback") and depth < _DEEPEST:
            children = [child for child in element if not (name == "AlternateContent" and local(child) == "Fallback")]
            children = children or list(element)
            stack += [(child, depth + 1) for child in reversed(children)]


def _is_hidden(shape: Any) -> bool:
    properties = next(shape.iter("{*}cNvPr"), None)
    return properties is not None and _is_on(properties.get("hidden"))


def _placeholder(shape: Any) -> str | None:
    """What it stands for on its slide; None for what stands for itself."""
    for child in shape:
        if local(child).startswith("nv"):
            found = next(child.iter("{*}ph"), None)
            return None if found is None else found.get("type") or "obj"
    return None


def _text(element: Any) -> str:
    return "\n".join(line for line in map(_line_text, element.iter("{*}p")) if line.strip())


def _is_raised(run: Any) -> bool:
    properties = next((one for one in run if local(one) == "rPr"), None)
    # In thousandths of the height of the line; what is lowered has a minus.
    above = (properties.get("baseline") or "0") if properties is not None else "0"
    return above.rstrip("%").isdigit() and int(above.rstrip("%")) > 0


def _line_text(line: Any) -> str:
    return "".join(_parts(line, 0))


def _parts(element: Any, depth: int) -> Iterator[str]:
    for child in element if depth < _DEEPEST else ():
        name = local(child)
        if name == "t":
            field = (element.get("type") or "") if local(element) == "fld" else ""
            if not field.startswith(_FIELDS_NOT_READ):
                text = child.text or ""
                yield raised(text) if _is_raised(element) else text
        elif name in ("br", "tab"):
            yield "\n" if name == "br" else "\t"
        elif name == "AlternateContent":
            chosen = next((one for one in child if local(one) == "Choice"), None)
            yield from _parts(child if chosen is None else chosen, depth + 1)
        elif child.tag in FORMULA_PARTS:
            inner = [one for one in child if one.tag in FORMULA_PARTS[child.tag]]
            yield put_together(child, ["".join(_parts(one, depth + 1)) for one in inner])
        elif name:
            yield from _parts(child, depth + 1)


def _label(kind: str, number: int) -> str:
    """The number that is shown before a line, by ECMA-376-1, 20.1.10.61."""
    form = next((form for begin, form in _NUMBER_FORMS if kind.startswith(begin)), "decimal")
    text = number_text(number, form)
    if kind.endswith("ParenBoth"):
        return f"({text})"
    return f"{text})" if kind.endswith("ParenR") else text if kind.endswith("Plain") else f"{text}."


def _is_digit(properties: Any) -> bool:
    return (properties.get("lvl") or "0").isdigit()


def _is_on(text: str | None) -> bool:
    return text in ("1", "true", "on")


def _count(text: str | None) -> int:
    return min(1_000, int(text)) if text is not None and text.isdigit() else 1
