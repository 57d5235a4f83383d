"""The text of paragraphs and cells, run by run, as it is shown when all changes are accepted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from process.domain.raised import raised
from process.infrastructure.parsers.formulas import MATH, PARTS, put_together
from process.infrastructure.parsers.symbol_fonts import symbol_of
from process.infrastructure.parsers.word.names import MC, WRAPPERS, W, number, switch, value
from process.infrastructure.parsers.word.numbering import Numbering
from process.infrastructure.parsers.word.styles import Look, Styles

_SKIPPED: Final = frozenset(
    (W + "del", W + "moveFrom", W + "instrText", W + "delText", W + "delInstrText", W + "pPr", W + "rPr")
)
_DRAWINGS: Final = frozenset((W + "drawing", W + "pict", W + "object"))
_REFERENCES: Final = {
    W + "footnoteReference": "footnotes",
    W + "endnoteReference": "endnotes",
    W + "commentReference": "comments",
}
_BREAKS: Final = frozenset((W + "br", W + "cr"))
_TABS: Final = frozenset((W + "tab", W + "ptab"))


@dataclass(slots=True)
class Insets:
    """What a piece of text carries with it and that is told behind it, in order."""

    boxes: list[Any] = field(default_factory=list)
    """The contents of text boxes."""
    drawings: list[Any] = field(default_factory=list)
    """Pictures, charts, diagrams and objects."""
    references: list[tuple[str, str]] = field(default_factory=list)
    """Kind of part and id of footnotes, endnotes and comments."""


class Texts:
    """Reads the text of one document; asked in the document's order, since numbers are counted."""

    def __init__(self, styles: Styles, numbering: Numbering) -> None:
        self.styles = styles
        self._numbering = numbering
        # Whether each field that is open shows its result already, or still its instruction.
        self._fields: list[bool] = []

    def look(self, paragraph: Any) -> Look:
        """What its style says of it."""
        return self.styles.look(value(paragraph.find(W + "pPr"), "pStyle"))

    def paragraph(self, paragraph: Any, insets: Insets) -> str:
        """Without its number. What it carries goes to `insets`."""
        hidden = self.look(paragraph).hidden
        text = "".join(self._parts(paragraph, insets, hidden))
        # An instruction without an end must not hide what follows.
        self._fields = [shows for shows in self._fields if shows]
        return text

    def label(self, paragraph: Any, text: str) -> tuple[str, bool] | None:
        """The number before the paragraph, as Numbering says it; a paragraph that is hidden whole has none."""
        properties = paragraph.find(W + "pPr")
        if not text.strip() and properties is not None and switch(properties.find(W + "rPr"), "vanish"):
            return None
        return self._numbering.label(properties, self.look(paragraph))

    def numbered(self, paragraph: Any, insets: Insets) -> str:
        """With its number in front."""
        text = self.paragraph(paragraph, insets).strip()
        return with_label(self.label(paragraph, text), text)

    def _number_alone(self, paragraph: Any, insets: Insets) -> str:
        """As `numbered`; a cell that is left empty shows the number of its row."""
        text = self.paragraph(paragraph, insets).strip()
        label = self.label(paragraph, text)
        shown = label[0].strip() if label is not None else ""
        return with_label(label, text) or (shown if any(map(str.isalnum, shown)) else "")

    def block(self, container: Any, insets: Insets) -> str:
        """All paragraphs under the element, tables inside included, one a line."""
        return "\n".join(line for line in self._lines(container, insets) if line)

    def _lines(self, container: Any, insets: Insets) -> Iterator[str]:
        alone = container.tag == W + "tc" and sum(child.tag == W + "p" for child in container) == 1
        for child in shown_children(container):
            if child.tag == W + "p":
                yield self._number_alone(child, insets) if alone else self.numbered(child, insets)
            elif child.tag in (W + "tbl", W + "tr", W + "tc"):
                yield from self._lines(child, insets)

    def _parts(self, element: Any, insets: Insets, hidden: bool) -> Iterator[str]:
        for child in element:
            tag = child.tag
            if not isinstance(tag, str) or tag in _SKIPPED:
                continue
            if tag == W + "r":
                if not self._is_hidden(child, hidden):
                    text = "".join(self._parts(child, insets, hidden))
                    yield raised(text) if _is_raised(child) else text
            elif tag in (W + "t", MATH + "t"):
                if all(self._fields):
                    yield child.text or ""
            elif tag in _TABS:
                yield "\t"
            elif tag in _BREAKS:
                yield "\n"
            elif tag == W + "noBreakHyphen":
                yield "-"
            elif tag == W + "sym":
                yield _symbol(child)
            elif tag == W + "fldChar":
                self._field(child)
                yield _chosen_entry(child)
            elif tag in _REFERENCES:
                insets.references.append((_REFERENCES[tag], child.get(W + "id", "")))
            elif tag in _DRAWINGS:
                insets.drawings.append(child)
                insets.boxes.extend(_boxes(child))
            elif tag == MC + "AlternateContent":
                chosen = _chosen(child)
                if chosen is not None:
                    yield from self._parts(chosen, insets, hidden)
            elif tag == W + "sdt":
                if not _is_placeholder(child):
                    yield from self._parts(child, insets, hidden)
            elif tag in PARTS:
                parts = ["".join(self._parts(part, insets, hidden)) for part in child if part.tag in PARTS[tag]]
                yield put_together(child, parts)
            elif tag == W + "ruby":
                yield from self._ruby(child, insets, hidden)
            elif tag == W + "p":
                yield " "
                yield from self._parts(child, insets, hidden)
            else:
                yield from self._parts(child, insets, hidden)

    def _is_hidden(self, run: Any, by_paragraph: bool) -> bool:
        properties = run.find(W + "rPr")
        if properties is None:
            return by_paragraph
        own = switch(properties, "vanish")
        if own is not None:
            return own
        style = value(properties, "rStyle")
        return by_paragraph or (style is not None and self.styles.look(style).hidden)

    def _field(self, element: Any) -> None:
        match element.get(W + "fldCharType"):
            case "begin":
                self._fields.append(False)
            case "separate" if self._fields:
                self._fields[-1] = True
            case "end" if self._fields:
                self._fields.pop()

    def _ruby(self, ruby: Any, insets: Insets, hidden: bool) -> Iterator[str]:
        """The word, and its reading in parentheses."""
        for name, before, after in (("rubyBase", "", ""), ("rt", "(", ")")):
            part = ruby.find(W + name)
            text = "".join(self._parts(part, insets, hidden)) if part is not None else ""
            if text.strip():
                yield f"{before}{text}{after}"


def _is_raised(run: Any) -> bool:
    properties = run.find(W + "rPr")
    return properties is not None and value(properties, "vertAlign") == "superscript"


def with_label(label: tuple[str, bool] | None, text: str) -> str:
    """The text with its number before it; nothing where there is no text."""
    if not text or label is None or not label[0]:
        return text
    return f"{label[0]} {text}" if label[1] else f"{label[0]}{text}"


def shown_children(container: Any) -> Iterator[Any]:
    """The children that are shown once all changes are accepted; those inside wrappers are taken out of them."""
    for child in container:
        tag = child.tag
        if tag == MC + "AlternateContent":
            chosen = _chosen(child)
            if chosen is not None:
                yield from shown_children(chosen)
        elif tag in WRAPPERS:
            if not _is_placeholder(child):
                yield from shown_children(child)
        elif isinstance(tag, str) and tag not in _SKIPPED and not _is_deleted(child):
            yield child


def _is_deleted(element: Any) -> bool:
    """A row or a cell that a change takes away, or that is hidden."""
    if element.tag == W + "tr":
        properties = element.find(W + "trPr")
        return properties is not None and (properties.find(W + "del") is not None or bool(switch(properties, "hidden")))
    if element.tag == W + "tc":
        properties = element.find(W + "tcPr")
        return properties is not None and properties.find(W + "cellDel") is not None
    return False


def _is_placeholder(element: Any) -> bool:
    """A content control that nobody has filled in: it shows what to do with it."""
    properties = element.find(W + "sdtPr")
    return bool(switch(properties, "showingPlcHdr"))


def _chosen(alternatives: Any) -> Any:
    choice = alternatives.find(MC + "Choice")
    return choice if choice is not None else alternatives.find(MC + "Fallback")


def _boxes(drawing: Any) -> Iterator[Any]:
    """The text boxes in a drawing, not those inside one another and not the copies for older programs."""
    for child in drawing:
        if child.tag == W + "txbxContent":
            yield child
        elif child.tag == MC + "AlternateContent":
            chosen = _chosen(child)
            if chosen is not None:
                yield from _boxes(chosen)
        elif isinstance(child.tag, str):
            yield from _boxes(child)


def _chosen_entry(field_begin: Any) -> str:
    """What is chosen in a form's drop-down list, which keeps it with its settings and not as a result."""
    choices = field_begin.find(f"{W}ffData/{W}ddList")
    if choices is None:
        return ""
    entries = [entry.get(W + "val", "") for entry in choices.iter(W + "listEntry")]
    chosen = number(choices, "result")
    # Nobody has chosen yet: the default, else the first.
    chosen = (number(choices, "default") or 0) if chosen is None else chosen
    return entries[chosen] if chosen < len(entries) else ""


def _symbol(element: Any) -> str:
    """A sign named by its number; those of symbol fonts say something where the font is known."""
    try:
        code = int(element.get(W + "char", ""), 16)
    except ValueError:
        return ""
    return symbol_of(element.get(W + "font", ""), code) or (chr(code) if 0x20 <= code < 0xD800 else "")
