"""What a document holds beside its text: notes, comments, pictures' descriptions, charts, diagrams, inserted files."""

import email
import email.policy
from collections.abc import Callable, Iterator
from typing import Any, Final

from process.infrastructure.parsers.charts import add_chart
from process.infrastructure.parsers.draft import Draft, one_line
from process.infrastructure.parsers.encoding import decode
from process.infrastructure.parsers.html import read_fragment
from process.infrastructure.parsers.package import Package, local, relation_of, xml_root
from process.infrastructure.parsers.pictures import add_members, described
from process.infrastructure.parsers.word.names import W

_STRICT: Final = (
    # ISO/IEC 29500 Strict uses other names for the same things.
    (
        b"http://purl.oclc.org/ooxml/wordprocessingml/main",
        b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    ),
    (b"http://purl.oclc.org/ooxml/drawingml/", b"http://schemas.openxmlformats.org/drawingml/2006/"),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/math",
        b"http://schemas.openxmlformats.org/officeDocument/2006/math",
    ),
    (
        b"http://purl.oclc.org/ooxml/officeDocument/relationships",
        b"http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    ),
)
_NODES: Final = (None, "node", "asst")
"""Points of a diagram that people see; others say how it is drawn."""


class Parts:
    """The parts that the main part of a package refers to."""

    def __init__(self, package: Package, main: str, draft: Draft) -> None:
        self._package = package
        self._draft = draft
        self._related = package.related(main)
        self._notes: dict[str, dict[str, Any]] = {}
        self._left_out: dict[str, int] = {}

    def root(self, kind: str) -> Any:
        """The root element of the (first) part of that kind; None where there is none."""
        return next(
            (transitional(self._package, name) for found, name in self._related.values() if found == kind), None
        )

    def by_id(self, relation: str) -> Any:
        """The root element of the part that a relationship leads to; None where there is none."""
        _, name = self._related.get(relation, ("", ""))
        return transitional(self._package, name) if name else None

    def note(self, kind: str, note_id: str) -> Any:
        """A footnote, endnote or comment; it is given once."""
        return self._notes_of(kind).pop(note_id, None)

    def rest(self, kind: str) -> Iterator[Any]:
        """Those that nothing has asked for."""
        notes = self._notes_of(kind)
        yield from [notes.pop(name) for name in list(notes)]

    def add_drawing(self, drawing: Any) -> None:
        """What a person sees in it or is told of it: description, chart, diagram, words drawn as a picture."""
        told: set[str] = set()
        for element in _seen(drawing):
            name = local(element)
            said = _words_of(element, name)
            if said:
                # A picture and the frame around it mostly say the same.
                if said not in told:
                    told.add(said)
                    self._draft.add("picture", said)
            elif name in ("blip", "imagedata"):
                _, target = self._related.get(relation_of(element, "embed" if name == "blip" else "id"), ("", ""))
                add_members(self._draft, self._package, [target])
            elif name == "chart":
                self._chart(element)
            elif name == "relIds":
                self._diagram(element)

    def add_chunk(self, chunk: Any, read_word: Callable[[bytes], bool]) -> None:
        """A file that Word takes in when it opens the document; `read_word` reads one that is a Word document."""
        _, name = self._related.get(relation_of(chunk), ("", ""))
        raw = self._package.read(name) if name else None
        if raw is None:
            self.leave_out("inserted file")
            return
        start = raw.lstrip()[:2_000].lower()
        if raw.startswith(b"PK"):
            if not read_word(raw):
                self.leave_out("inserted file")
        elif b"mime-version:" in start or name.lower().endswith((".mht", ".mhtml", ".eml")):
            self._mail(raw)
        elif start.startswith(b"{\\rtf") or b"<?mso-application" in start or raw.startswith(b"\xd0\xcf\x11\xe0"):
            self.leave_out("inserted file")
        elif start.startswith(b"<") or name.lower().endswith((".htm", ".html", ".xhtml")):
            read_fragment(decode(raw)[0], self._draft)
        else:
            self._draft.add("paragraph", decode(raw)[0])

    def leave_out(self, what: str) -> None:
        """Something that could not be read: becomes a warning."""
        self._left_out[what] = self._left_out.get(what, 0) + 1

    def warn(self) -> None:
        """Adds a warning for each kind of thing that was left out."""
        for what, count in self._left_out.items():
            self._draft.warnings.append(f"{count} {what}{'s' if count > 1 else ''} in the document could not be read.")

    def _notes_of(self, kind: str) -> dict[str, Any]:
        if kind not in self._notes:
            root = self.root(kind)
            self._notes[kind] = {
                note.get(W + "id", ""): note
                for note in (root if root is not None else ())
                if isinstance(note.tag, str) and note.get(W + "type") in (None, "normal")
            }
        return self._notes[kind]

    def _chart(self, element: Any) -> None:
        relation = relation_of(element)
        if not relation:
            return
        root = self.by_id(relation)
        if root is None:
            self.leave_out("chart")
        else:
            add_chart(self._draft, root)

    def _diagram(self, element: Any) -> None:
        root = self.by_id(relation_of(element, "dm"))
        if root is None:
            self.leave_out("diagram")
            return
        for point in root.iter("{*}pt"):
            if point.get("type") in _NODES:
                lines = ("".join(run.text or "" for run in line.iter("{*}t")) for line in point.iter("{*}p"))
                self._draft.add("list_item", one_line(" ".join(lines)))

    def _mail(self, raw: bytes) -> None:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        body = message.get_body(("html", "plain"))
        if body is None:
            self.leave_out("inserted file")
            return
        payload = body.get_payload(decode=True)
        text = decode(payload if isinstance(payload, bytes) else b"", declared=body.get_content_charset())[0]
        if body.get_content_subtype() == "html":
            read_fragment(text, self._draft)
        else:
            self._draft.add("paragraph", text)


def transitional(package: Package, name: str) -> Any:
    """The root element of a part in the names of the transitional standard; None where there is none."""
    raw = package.read(name)
    if raw is None:
        return None
    if b"purl.oclc.org/ooxml" in raw:
        for strict, usual in _STRICT:
            raw = raw.replace(strict, usual)
    return xml_root(raw)


def words_drawn(drawing: Any) -> list[str]:
    """What is said of it and what is drawn as a picture of words (a watermark), each once."""
    return list(dict.fromkeys(filter(None, (_words_of(element, local(element)) for element in _seen(drawing)))))


def _seen(drawing: Any) -> Iterator[Any]:
    for element in drawing.iter():
        if local(element) != "txbxContent" and not _is_inside_box(element, drawing):
            yield element


def _words_of(element: Any, name: str) -> str:
    if name in ("docPr", "cNvPr") and element.get("hidden", "0") not in ("1", "true"):
        return described(element.get("descr") or element.get("title") or "")
    if name == "shape":
        return one_line(element.get("alt") or "")
    return one_line(element.get("string") or "") if name == "textpath" else ""


def _is_inside_box(element: Any, drawing: Any) -> bool:
    """Whether it belongs to the text of a text box, which is read by itself, or is a copy for older programs."""
    parent = element.getparent()
    while parent is not None and parent is not drawing:
        if local(parent) in ("txbxContent", "Fallback"):
            return True
        parent = parent.getparent()
    return False
