"""EPUB (W3C EPUB 3.3, OPF 2): its pages in the order of its spine."""

import posixpath
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from process.infrastructure.parsers.draft import Draft, Unreadable, one_line
from process.infrastructure.parsers.embedded import add_page
from process.infrastructure.parsers.encoding import decode
from process.infrastructure.parsers.package import Package

_PAGES: Final = frozenset(("application/xhtml+xml", "text/html", "text/x-oeb1-document"))


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    with Package(path, "EPUB book") as package:
        name = _main(package)
        root = package.tree(name) if name is not None else None
        if name is None or root is None:
            raise Unreadable("corrupt", "The book is damaged: it does not say what is in it. Download it again.")
        title = one_line(next((one.text or "" for one in root.iter("{*}title")), ""))
        if title:
            draft.title = title
            draft.add("title", title)
        draft.add("paragraph", ", ".join(one_line(one.text or "") for one in root.iter("{*}creator")))
        before = draft.characters
        locked, missing = _locked(package), 0
        pages = _pages(root, name)
        for page in pages:
            raw = package.read(page) if page.casefold() not in locked else None
            if raw is None:
                missing += 1
                continue
            add_page(draft, decode(raw)[0])
        if missing:
            draft.warnings.append(f"Pages that could not be read: {missing:,} of {len(pages):,}.")
        if draft.characters == before and locked:
            raise Unreadable("encrypted", "The book is protected by DRM, and only its shop's reader can open it.")


def _main(package: Package) -> str | None:
    root = package.tree("META-INF/container.xml")
    named = [one.get("full-path") or "" for one in root.iter("{*}rootfile")] if root is not None else []
    found = [name for name in named if package.has(name)] or [name for name in package.names if name.endswith(".opf")]
    return found[0] if found else None


def _pages(root: Any, main: str) -> list[str]:
    items = {
        item.get("id"): (unquote(item.get("href") or ""), item.get("media-type") or "", item.get("properties") or "")
        for item in root.iter("{*}item")
    }
    spine = [items.get(item.get("idref"), ("", "", "")) for item in root.iter("{*}itemref")]
    wanted = [
        href
        for href, kind, properties in spine or list(items.values())
        if kind in _PAGES and "nav" not in properties.split()
    ]
    folder = posixpath.dirname(main)
    return [posixpath.normpath(posixpath.join(folder, href.partition("#")[0])) for href in dict.fromkeys(wanted)]


def _locked(package: Package) -> set[str]:
    """Members that are encrypted (fonts among them, which nobody reads)."""
    root = package.tree("META-INF/encryption.xml")
    found = (one.get("URI") or "" for one in root.iter("{*}CipherReference")) if root is not None else ()
    return {unquote(name).lstrip("/").casefold() for name in found}
