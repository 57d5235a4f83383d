"""ZIP: its members become documents of their own; its own text is what is in it.

What the directory declares is checked before anything is unpacked, and what is unpacked is counted again.
"""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from process.infrastructure.parsers.draft import Draft, Unreadable, locked
from process.infrastructure.parsers.parts import clean_path

_MOST_ENTRIES: Final = 20_000
_HIGHEST_RATIO: Final = 250
_SMALL: Final = 8 << 20
"""A member of this size may be packed as tightly as it likes."""
_PIECE: Final = 1 << 20
_MOST_NAMED: Final = 5
_UTF_8: Final = 0x800
_LOCKED: Final = 0x1
_AES: Final = 99
"""The compression that WinZip's encryption names; the real one stands in an extra field."""
_UNIX_LINK: Final = 0o120000
_SYSTEM_FILES: Final = frozenset((".ds_store", "thumbs.db", "desktop.ini"))
_LOCKED_REASON: Final = "are protected with a password"
_TIGHT_REASON: Final = "are packed far more tightly than files are"
_Errors = tuple[type[Exception], ...]
_BROKEN: Final[_Errors] = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def parse(path: Path, draft: Draft) -> None:
    """Fills the draft. Raises Unreadable."""
    try:
        archive, broken = _open(path, draft.password)
    except _BROKEN as error:
        raise Unreadable(
            "corrupt",
            "The archive is damaged and cannot be opened. Make or download it again, then upload the new one.",
        ) from error
    with archive:
        entries = archive.infolist()
        _check(entries)
        taking = _Taking(archive, draft, broken)
        for entry in entries:
            taking.take(entry)
        taking.finish()


def _open(path: Path, password: str | None) -> tuple[zipfile.ZipFile, _Errors]:
    """And what reading a damaged member raises."""
    archive = zipfile.ZipFile(path)
    if password is None:
        return archive, _BROKEN
    broken: _Errors = _BROKEN
    if any(entry.compress_type == _AES for entry in archive.infolist()):
        import pyzipper

        archive.close()
        archive, broken = pyzipper.AESZipFile(path), (*_BROKEN, pyzipper.BadZipFile)
    archive.setpassword(password.encode())
    return archive, broken


def _check(entries: Sequence[zipfile.ZipInfo]) -> None:
    if len(entries) > _MOST_ENTRIES:
        raise Unreadable(
            "too_many_parts",
            f"The archive has {len(entries):,} members; at most {_MOST_ENTRIES:,} are looked at. Split it.",
        )
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        # Entries that share bytes are how a small file unpacks to a huge one (Fifield 2019).
        if entry.header_offset < end:
            raise Unreadable(
                "too_large_inside", "The archive is built to unpack to far more than it holds: its members overlap."
            )
        end = entry.header_offset + entry.compress_size


class _TooMuch(Exception):
    """A member that unpacks to more than it declares."""


class _Taking:
    """Member after member; what cannot be had is counted by its reason."""

    def __init__(self, archive: zipfile.ZipFile, draft: Draft, broken: _Errors) -> None:
        self._broken = broken
        self._archive = archive
        self._draft = draft
        self._left_out: dict[str, list[str]] = {}
        self._taken = 0
        self._is_full = False

    def take(self, entry: zipfile.ZipInfo) -> None:
        """Adds the member to the parts, and its name to the text."""
        name = member_name(entry)
        path = clean_path(name)
        last = path.rpartition("/")[2].lower()
        if entry.is_dir() or name.endswith(("/", "\\")) or last in _SYSTEM_FILES or path.startswith("__MACOSX/"):
            return
        reason = self._objection(entry)
        if reason is None:
            try:
                self._is_full = not self._draft.parts.add(name, self._pieces(entry))
            except _TooMuch:
                reason = "unpack to more than they declare"
            except self._broken:
                # A wrong password shows in what comes out, or not even there.
                reason = _LOCKED_REASON if entry.flag_bits & _LOCKED else "are damaged"
        if reason is not None:
            self._left_out.setdefault(reason, []).append(path or name)
        elif not self._is_full:
            self._taken += 1
            self._draft.add("list_item", path)

    def finish(self) -> None:
        """Says what was left out. Raises Unreadable where that is everything."""
        for reason, names in self._left_out.items():
            shown = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
            self._draft.warnings.append(f"Members that {reason} were left out ({len(names):,}): {shown}.")
        if self._taken:
            return
        reasons = list(self._left_out)
        if reasons == [_LOCKED_REASON]:
            raise locked("The archive", self._draft.password)
        if _TIGHT_REASON in reasons or self._draft.parts.objection:
            raise Unreadable(
                "too_large_inside", "The archive unpacks to more than is accepted, or is built to do so. Split it."
            )
        if reasons:
            raise Unreadable("corrupt", "Nothing in the archive can be unpacked: it is damaged. Make it again.")
        raise Unreadable("no_text", "There are no files in the archive. Check that it is the right one.")

    def _objection(self, entry: zipfile.ZipInfo) -> str | None:
        if self._is_full:
            return "did not fit any more"
        if entry.flag_bits & _LOCKED and self._draft.password is None:
            return _LOCKED_REASON
        if (entry.external_attr >> 16) & 0o170000 == _UNIX_LINK:
            return "are links"
        if entry.file_size > _SMALL and entry.file_size > _HIGHEST_RATIO * max(1, entry.compress_size):
            return _TIGHT_REASON
        return None

    def _pieces(self, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        unpacked = 0
        with self._archive.open(entry) as member:
            while piece := member.read(_PIECE):
                unpacked += len(piece)
                if unpacked > entry.file_size:
                    raise _TooMuch
                yield piece


def member_name(entry: zipfile.ZipInfo) -> str:
    """Its name as whoever packed it saw it: Korean Windows writes CP949 where the format has no word for it."""
    if entry.flag_bits & _UTF_8:
        return entry.filename
    try:
        raw = entry.filename.encode("cp437")
    except UnicodeEncodeError:
        return entry.filename
    if raw.isascii():
        return entry.filename
    for encoding in ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return entry.filename
