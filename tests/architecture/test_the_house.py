"""docs/architecture.md is true to the tree: every room is drawn where it is, and every file it names is there."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
_DRAWN: Final = re.compile(r"^( *)([\w.]+/?)  +(\S.*)$")


def _drawn_folders() -> list[str]:
    """Folders of the drawing, as paths from src."""
    drawing = PAGE.split("```")[1]
    path: list[str] = []
    found = []
    for line in drawing.splitlines():
        entry = _DRAWN.match(line)
        if entry is None or not entry[2].endswith("/"):
            continue
        depth = len(entry[1]) // 2 - 1
        path = [*path[:depth], entry[2].rstrip("/")]
        found.append("/".join(path))
    return found


def test_every_room_is_drawn_once_and_where_it_is() -> None:
    folders = {str(file.parent.relative_to(ROOT / "src")) for file in (ROOT / "src").rglob("__init__.py")}
    assert sorted(_drawn_folders()) == sorted(folders)


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`((?:ingest|process|search|monitor|shared)/[\w/.]*)`", PAGE))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / "src" / name).exists()] == []


def test_the_page_is_one_page() -> None:
    assert len(PAGE.splitlines()) <= 150


def test_every_file_that_a_comment_or_docstring_names_is_there() -> None:
    """Named by its path's end, so that a file that moves is noticed where it is spoken of."""
    files = [str(file.relative_to(ROOT)) for file in ROOT.glob("**/*.py") if ".venv" not in file.parts]
    lost = [
        f"{source.relative_to(ROOT)}: {name}"
        for source in sorted((ROOT / "src").rglob("*.py"))
        for name in re.findall(r"(?<![\w/.])([a-z_/]+\.py)\b", source.read_text(encoding="utf-8"))
        if not any(file == name or file.endswith(f"/{name}") for file in files)
    ]
    assert lost == []
