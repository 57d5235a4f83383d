"""Zipped XML as office programs write it: members, relationships and streams of elements, none of it trusted."""

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote

from lxml import etree

from process.infrastructure.parsers.draft import Draft, Unreadable, locked
from process.infrastructure.parsers.zip_limits import check_zip
from shared.infrastructure.damaged_zips import UNREADABLE_MEMBER

OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_SAFE: Final = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


class Package:
    """An open file; a context manager. Members are named without a slash in front."""

    def __init__(self, path: Path, words: str) -> None:
        """`words` name the kind of file in refusals. Raises Unreadable (encrypted, corrupt, too_large_inside)."""
        _refuse_encrypted(path, words)
        check_zip(path)
        self._archive = zipfile.ZipFile(path)
        # Some programs on Windows write names with its separator.
        self._names = {name.replace("\\", "/").casefold(): name for name in reversed(self._archive.namelist())}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    @property
    def names(self) -> list[str]:
        """All members, as they are written."""
        return self._archive.namelist()

    def has(self, name: str) -> bool:
        """Names are alike in either case, as ISO/IEC 29500-2 has it."""
        return name.casefold() in self._names

    def written(self, name: str) -> str | None:
        """The member's name as it is written in the file; None where there is none."""
        return self._names.get(name.casefold())

    def read(self, name: str) -> bytes | None:
        """None where there is none, or it is damaged."""
        try:
            return self._archive.read(self._names[name.casefold()])
        except UNREADABLE_MEMBER:
            return None

    def tree(self, name: str) -> Any:
        """The root element, mended where it can be; None where there is none."""
        raw = self.read(name)
        return None if raw is None else xml_root(raw)

    def elements(self, name: str, *tags: str) -> Iterator[Any]:
        """Each element of these (local) names when it is whole; it is emptied after use, so that memory stays flat.

        What is damaged ends the stream. Raises KeyError where there is no such member.
        """
        with self._archive.open(self._names[name.casefold()]) as file:
            wanted = [f"{{*}}{tag}" for tag in tags]
            try:
                for _, element in etree.iterparse(file, tag=wanted, recover=True, **_SAFE):
                    yield element
                    element.clear(keep_tail=False)
                    while element.getprevious() is not None:
                        del element.getparent()[0]
            except (etree.XMLSyntaxError, *UNREADABLE_MEMBER):
                return

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """By its id, each relationship of a member: the last word of its type, and the member it leads to."""
        folder, _, last = name.rpartition("/")
        root = self.tree(f"{folder}/_rels/{last}.rels".lstrip("/"))
        found: dict[str, tuple[str, str]] = {}
        for one in root if root is not None else ():
            if not isinstance(one.tag, str) or one.get("TargetMode") == "External":
                continue
            target = unquote((one.get("Target") or "").replace("\\", "/"))
            whole = posixpath.normpath(posixpath.join("/" + folder, target)).lstrip("/")
            found[one.get("Id") or ""] = ((one.get("Type") or "").rpartition("/")[2], whole)
        return found


def xml_root(raw: bytes) -> Any:
    """The root element, mended where it can be; None where there is none. Entities are not resolved."""
    try:
        return etree.fromstring(raw, etree.XMLParser(recover=True, **_SAFE))
    except (etree.XMLSyntaxError, ValueError):
        return None


def local(element: Any) -> str:
    """Its name without a namespace; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def relation_of(element: Any, name: str = "id") -> str:
    """The id of the relationship that an element names; it may have an attribute of the same name of its own."""
    return next((str(value) for key, value in element.attrib.items() if key.endswith("}" + name)), "")


def refuse_locked(package: Package, draft: Draft, what: str) -> None:
    """Raises Unreadable (encrypted) where the members of an OpenDocument or HWPX file are encrypted still."""
    if b"encryption-data" not in (package.read("META-INF/manifest.xml") or b""):
        return
    if draft.password is None:
        raise locked(what, None)
    raise Unreadable(
        "encrypted",
        f"{what} is protected in a way that only the program opens that made it. Save it without a password there, and "
        "upload it again.",
    )


def _refuse_encrypted(path: Path, words: str) -> None:
    with path.open("rb") as file:
        if file.read(len(OLE_MAGIC)) != OLE_MAGIC:
            return
        is_encrypted = _ENCRYPTED_PACKAGE in file.read()
    if is_encrypted:
        raise locked(f"The {words}", None)
    raise Unreadable("corrupt", f"The {words} is damaged. Open it, save it again, and upload the new file.")
