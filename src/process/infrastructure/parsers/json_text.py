"""JSON, JSON Lines and notebooks: strings unescaped, numbers as written, records as tables where they are alike."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from process.infrastructure.parsers.draft import Draft
from process.infrastructure.parsers.embedded import add_markdown, add_page
from process.infrastructure.parsers.encoding import read_text
from process.infrastructure.parsers.escapes import with_letters
from process.infrastructure.parsers.grids import add_grid
from process.infrastructure.parsers.text import paragraphs

_ESCAPE: Final = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\[\"\\/nrt]")
_MOST_COLUMNS: Final = 60
_LEAST_RECORDS: Final = 2
_LONGEST_BLOCK: Final = 4_000


class _Object(list[tuple[str, Any]]):
    """An object's members in their order, also of the same name."""


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    text = read_text(path.read_bytes(), draft)
    draft.require_room(len(text) // 6)
    try:
        value = _loads(text)
    except (ValueError, RecursionError):
        parse_text_lines(text, draft)
        return
    _add(draft, value)


def parse_lines(path: Path, draft: Draft) -> None:
    """Of JSON Lines: each line a value."""
    parse_text_lines(read_text(path.read_bytes(), draft), draft)


def parse_notebook(path: Path, draft: Draft) -> None:
    """Of a Jupyter notebook: its texts, its code, and what that printed."""
    text = read_text(path.read_bytes(), draft)
    try:
        cells = _get(_loads(text), "cells")
    except (ValueError, RecursionError):
        cells = None
    if not isinstance(cells, list):
        parse_text_lines(text, draft)
        return
    for cell in cells:
        source = _joined(_get(cell, "source"))
        if _get(cell, "cell_type") == "markdown":
            add_markdown(draft, source)
        else:
            draft.add("code", source)
        outputs = _get(cell, "outputs")
        for output in outputs if isinstance(outputs, list) else ():
            data = _get(output, "data")
            mistake = ": ".join(filter(None, (_joined(_get(output, name)) for name in ("ename", "evalue"))))
            printed = _joined(_get(output, "text") or _get(data, "text/plain")) or mistake
            draft.add("code", printed)
            if not printed.strip() and (page := _joined(_get(data, "text/html"))):
                add_page(draft, page)


def parse_text_lines(text: str, draft: Draft) -> None:
    """Value after value as far as lines are values; what is none is kept as text with its escapes undone."""
    values: list[Any] = []
    odd = 0
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            values.append(_loads(line))
        except (ValueError, RecursionError):
            odd += 1
            values.append(_unescaped(line))
    if odd:
        draft.warnings.append(f"Lines that are no JSON, kept as they are: {odd:,}.")
    if odd == len(values):
        for paragraph in paragraphs(_unescaped(text)):
            draft.add("paragraph", paragraph)
    else:
        _add(draft, values)


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str)


def _get(value: Any, name: str) -> Any:
    return next((one for key, one in value if key == name), None) if isinstance(value, _Object) else None


def _joined(source: Any) -> str:
    if isinstance(source, list) and not isinstance(source, _Object):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        try:
            return str(json.loads(f'"{found[0]}"'))
        except ValueError:
            return found[0]

    return _ESCAPE.sub(plain, text)


def _add(draft: Draft, value: Any) -> None:
    if isinstance(value, list) and not isinstance(value, _Object):
        if _add_records(draft, value):
            return
        for one in value:
            _add_lines(draft, _lines(one, 0))
    elif isinstance(value, _Object) and any(_is_records(member) for _, member in value):
        for name, member in value:
            if _is_records(member):
                draft.add("heading", name, level=1)
                _add_records(draft, member)
            else:
                _add_lines(draft, _lines(_Object([(name, member)]), 0))
    else:
        _add_lines(draft, _lines(value, 0))


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, _Object) and bool(_columns(value))


def _columns(values: Sequence[Any]) -> list[str]:
    """The names of the members of records that are alike and have plain values; none where they are not."""
    if len(values) < _LEAST_RECORDS:
        return []
    names: dict[str, None] = {}
    for one in values:
        if not isinstance(one, _Object) or any(isinstance(member, list) for _, member in one):
            return []
        names.update(dict.fromkeys(name for name, _ in one))
        if len(names) > _MOST_COLUMNS:
            return []
    return list(names)


def _add_records(draft: Draft, values: Sequence[Any]) -> bool:
    names = _columns(values)
    if not names:
        return False
    rows = [names]
    for one in values:
        members = dict(one)
        rows.append([_plain(members.get(name, "")) for name in names])
    add_grid(draft, rows)
    return True


def _add_lines(draft: Draft, lines: Iterable[str]) -> None:
    """As paragraphs of a size that people read."""
    some: list[str] = []
    length = 0
    for line in lines:
        some.append(line)
        length += len(line)
        if length > _LONGEST_BLOCK:
            draft.add("paragraph", "\n".join(some))
            some, length = [], 0
    draft.add("paragraph", "\n".join(some))


def _lines(value: Any, depth: int) -> Iterable[str]:
    """`name: value`, what is inside something one step further in."""
    indent = "  " * min(depth, 20)
    if isinstance(value, _Object):
        for name, member in value:
            if isinstance(member, list):
                yield f"{indent}{name}:"
                yield from _lines(member, depth + 1)
            else:
                yield f"{indent}{name}: {_plain(member)}"
    elif isinstance(value, list):
        for one in value:
            yield from _lines(one, depth)
    else:
        yield indent + _plain(value)


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return with_letters(value) if isinstance(value, str) else str(value).lower()
