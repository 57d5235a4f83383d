"""PPT of PowerPoint 97 to 2003 (MS-PPT): the text of each slide, and its notes."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import olefile

from process.infrastructure.parsers.draft import Draft, Unreadable, locked, one_line

# Kinds of records.
_NOTES_ATOM, _BOX = 0x03F1, 0xF00D
_SLIDE_LIST, _PERSIST, _HEADER = 0x0FF0, 0x03F3, 0x0F9F
_CHARACTERS, _BYTES = 0x0FA0, 0x0FA8
_USER_EDIT, _DIRECTORY = 0x0FF5, 0x1772
_SLIDES, _NOTES = 0, 2
"""Which of a document's lists."""
_TITLES: Final = frozenset((0, 6))
"""Kinds of text that are titles."""
_NOTES_TEXT: Final = 2
_CONTAINER: Final = 0xF
_MOST_BYTES: Final = 200 << 20
_MOST_EDITS: Final = 1_000
_DEEPEST: Final = 30
_LOCKED: Final = 0xF3D1C4DF


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    try:
        with olefile.OleFileIO(str(path)) as file:
            with file.openstream("Current User") as stream:
                user = stream.read(64)
            with file.openstream("PowerPoint Document") as stream:
                raw = stream.read(_MOST_BYTES)
        if struct.unpack_from("<I", user, 12)[0] == _LOCKED:
            raise locked("The presentation", None)
        _Reader(raw, draft).read(struct.unpack_from("<I", user, 16)[0])
    except (OSError, ValueError, TypeError, IndexError, KeyError, struct.error) as error:
        raise Unreadable(
            "corrupt", "The presentation is damaged. Open it in PowerPoint, save it as PPTX, and upload the result."
        ) from error


class _Reader:
    def __init__(self, raw: bytes, draft: Draft) -> None:
        self._raw = raw
        self._draft = draft
        self._places: dict[int, int] = {}

    def read(self, edit: int) -> None:
        """From the newest save back to the first: what a newer one has replaces what an older one had."""
        document = 0
        for _ in range(_MOST_EDITS):
            kind, start, _ = self._record(edit)
            if kind != _USER_EDIT:
                raise ValueError("no edit where one should be")
            before, directory, document_id = struct.unpack_from("<III", self._raw, start + 8)
            self._add_places(directory)
            document = document or document_id
            if not before or before >= edit:
                break
            edit = before
        slides = self._listed(document, _SLIDES)
        notes = {slide: reference for reference, slide in self._notes(document)}
        for number, (reference, slide_id, outline) in enumerate(slides, 1):
            self._slide(number, reference, outline, notes.get(slide_id))
        self._draft.pages = len(slides) or None

    def _slide(self, number: int, reference: int, outline: list[tuple[int, str]], notes: int | None) -> None:
        texts = [*outline]
        known = {text for _, text in texts}
        # What the outline has is there once more only where it was changed; other boxes are only there.
        texts += [(kind, text) for kind, text in self._texts(reference) if text not in known]
        title = one_line(" ".join(text for kind, text in texts if kind in _TITLES))
        self._draft.add("heading", title, level=1, page=number)
        self._draft.title = self._draft.title or title or None
        for kind, text in texts:
            if kind not in _TITLES:
                lines = [line for line in text.split("\n") if line.strip()]
                for line in lines:
                    self._draft.add("list_item" if len(lines) > 1 else "paragraph", line, page=number)
        for kind, text in self._texts(notes) if notes is not None else ():
            if kind == _NOTES_TEXT:
                self._draft.add("note", text, page=number)

    def _listed(self, document: int, instance: int) -> list[tuple[int, int, list[tuple[int, str]]]]:
        """Slides or notes in their order: where each lies, its id, and the text that the outline has of it."""
        found: list[tuple[int, int, list[tuple[int, str]]]] = []
        for kind, variant, start, end in self._below(self._places[document]):
            if kind != _SLIDE_LIST or variant != instance:
                continue
            text_kind = 0
            for inner, _, begin, stop in self._records(start, end):
                if inner == _PERSIST:
                    reference, _, _, identity = struct.unpack_from("<IIiI", self._raw, begin)
                    found.append((reference, identity, []))
                elif inner == _HEADER:
                    text_kind = struct.unpack_from("<I", self._raw, begin)[0]
                elif inner in (_CHARACTERS, _BYTES) and found:
                    found[-1][2].append((text_kind, self._string(inner, begin, stop)))
        return found

    def _notes(self, document: int) -> Iterator[tuple[int, int]]:
        """Where notes lie, with the id of the slide that they belong to."""
        for reference, _, _ in self._listed(document, _NOTES):
            if reference not in self._places:
                continue
            for kind, _, start, _ in self._below(self._places[reference]):
                if kind == _NOTES_ATOM:
                    yield reference, struct.unpack_from("<I", self._raw, start)[0]

    def _texts(self, reference: int) -> list[tuple[int, str]]:
        """Of all boxes of a slide, with their kinds."""
        found: list[tuple[int, str]] = []
        if reference not in self._places:
            return found
        stack = [(*self._record(self._places[reference])[1:], 0)]
        text_kind = 4
        while stack:
            start, end, depth = stack.pop()
            inside = []
            for kind, _, begin, stop in self._records(start, end):
                if kind == _HEADER:
                    text_kind = struct.unpack_from("<I", self._raw, begin)[0]
                elif kind in (_CHARACTERS, _BYTES):
                    found.append((text_kind, self._string(kind, begin, stop)))
                elif depth < _DEEPEST and (kind == _BOX or self._raw[begin - 8] & _CONTAINER == _CONTAINER):
                    inside.append((begin, stop, depth + 1))
            stack += reversed(inside)
        return found

    def _string(self, kind: int, start: int, end: int) -> str:
        raw = self._raw[start:end]
        text = raw.decode("utf-16-le" if kind == _CHARACTERS else "latin-1", "replace")
        return text.replace("\r", "\n").replace("\x0b", "\n").strip()

    def _add_places(self, directory: int) -> None:
        kind, start, end = self._record(directory)
        if kind != _DIRECTORY:
            raise ValueError("no directory where one should be")
        at = start
        while at + 4 <= end:
            entry = struct.unpack_from("<I", self._raw, at)[0]
            first, count = entry & 0xFFFFF, entry >> 20
            at += 4
            for number in range(count):
                if at + 4 > end:
                    return
                self._places.setdefault(first + number, struct.unpack_from("<I", self._raw, at)[0])
                at += 4

    def _below(self, at: int) -> Iterator[tuple[int, int, int, int]]:
        _, start, end = self._record(at)
        return self._records(start, end)

    def _record(self, at: int) -> tuple[int, int, int]:
        """Kind, start and end of its content."""
        _, kind, length = struct.unpack_from("<HHI", self._raw, at)
        return kind, at + 8, min(len(self._raw), at + 8 + length)

    def _records(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Kind, variant, start and end of the content of each that lies there."""
        at = start
        while at + 8 <= end:
            head, kind, length = struct.unpack_from("<HHI", self._raw, at)
            stop = min(end, at + 8 + length)
            yield kind, head >> 4, at + 8, stop
            at = stop
