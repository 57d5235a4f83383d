"""Pages and texts that stand inside other files, read by those who read them when they come alone."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Draft

_TITLE: Final = re.compile(r"<title\b[^>]{0,200}(?<!/)>.{0,5000}?</title\s*>", re.I | re.S)


def add_page(draft: Draft, page: str, *, with_title: bool = False) -> None:
    """The blocks of an HTML page; its title is left out where the file around it has its own."""
    from process.infrastructure.parsers import html

    _read_by(html.parse, draft, page if with_title else _TITLE.sub("", page, count=1), keeps_title=with_title)


def add_markdown(draft: Draft, text: str) -> None:
    """The blocks of a Markdown text."""
    from process.infrastructure.parsers import markdown

    _read_by(markdown.parse, draft, text, keeps_title=True)


def _read_by(parse: Callable[[Path, Draft], None], draft: Draft, text: str, *, keeps_title: bool) -> None:
    title = draft.title
    with in_memory(text.encode("utf-8", "replace")) as path:
        parse(path, draft)
    if not keeps_title or title is not None:
        draft.title = title


@contextmanager
def in_memory(content: bytes) -> Iterator[Path]:
    """A file that no folder has, for readers that want a path."""
    descriptor = os.memfd_create("seoga-embedded")
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
