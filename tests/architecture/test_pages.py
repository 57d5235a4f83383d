"""No page takes another module's file: a page stands on its own folder and the shell, and meets the others in URLs."""

import re
from pathlib import Path
from typing import Final

import pytest

SRC: Final = Path(__file__).parents[2] / "src"
_SUFFIXES: Final = (".html", ".css", ".js", ".mjs")
# What a browser would load: modules, styles, scripts and pictures named in quotes or in url(…).
_LOADED: Final = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(?\s*|@import\s+|\b(?:src|href)\s*=\s*|\burl\(\s*)["']?([^"'\s)>]+)"""
)


def foreign_files(src: Path) -> list[str]:
    """`file: what it loads`, for all that pages load from neither their own folder nor the shell."""
    found = []
    for folder in (*src.glob("**/interface/pages"), *src.glob("shared/web/shell")):
        for file in sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES):
            for target in _LOADED.findall(file.read_text(encoding="utf-8")):
                if target.startswith("#") or (target.startswith("/") and not target.startswith("//")):
                    continue  # a place on the page, or a URL of this server
                if not (file.parent / target).resolve().is_relative_to(folder.resolve()) or "//" in target:
                    found.append(f"{file.relative_to(src)}: {target}")
    return found


def test_pages_take_no_file_of_another() -> None:
    assert foreign_files(SRC) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("monitor/interface/pages/monitor.js", 'import { row } from "../../../search/interface/pages/rows.js";'),
        ("search/interface/pages/search.html", '<script type="module" src="https://cdn.example/preact.js"></script>'),
        ("search/chat/interface/pages/ask.css", "@import '../../../interface/pages/search.css';"),
        ("shared/web/shell/shell.js", 'const page = await import("../../../monitor/interface/pages/monitor.js");'),
    ],
)
def test_a_planted_file_of_another_is_noticed(file: str, code: str, tmp_path: Path) -> None:
    page = tmp_path / file
    page.parent.mkdir(parents=True)
    page.write_text(f'{code}\nimport {{ own }} from "./own.js";\nimport "/shell/tokens.js";\n', encoding="utf-8")
    assert len(foreign_files(tmp_path)) == 1
