"""Files in a file: members of an archive, attachments of a mail; each goes into a folder under its content's hash."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

_LONGEST_PATH: Final = 200
_UNWANTED: Final = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_DRIVE: Final = re.compile(r"\A(?:[A-Za-z]:|//[?.]/)+")
_TOO_MUCH: Final = "The file holds more than {what}, the most that is taken apart; what is behind was left out."


class Parts:
    """What was found so far, within limits of number and size."""

    def __init__(self, folder: Path | None, *, most: int, most_bytes: int) -> None:
        """The folder is made with the first part; without one, parts are only told."""
        self._folder = folder
        self._most = most
        self._left_bytes = most_bytes
        self._limit_bytes = most_bytes
        self._seen: set[tuple[str, str]] = set()
        self.found: list[dict[str, Any]] = []
        """`path`, `sha256` and `size` of each."""
        self.objection: str | None = None
        """Why some were left out: a warning."""

    def add(self, name: str, content: Iterable[bytes]) -> bool:
        """Keeps it under a path made from its name; the same bytes under the same path once. False: a limit is reached.

        Raises what `content` raises; nothing is left of it then.
        """
        if len(self.found) >= self._most:
            self.objection = _TOO_MUCH.format(what=f"{self._most:,} files")
            return False
        digest, size = hashlib.sha256(), 0
        target = None
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)
            target = self._folder / "incoming"
        is_whole = False
        file = target.open("wb") if target is not None else None
        try:
            for piece in content:
                size += len(piece)
                if size > self._left_bytes:
                    self.objection = _TOO_MUCH.format(what=f"{self._limit_bytes >> 20:,} MB")
                    return False
                digest.update(piece)
                if file is not None:
                    file.write(piece)
            is_whole = True
        finally:
            if file is not None:
                file.close()
            if target is not None and (not is_whole or not size):
                target.unlink()
        if not size:
            return True
        self._left_bytes -= size
        sha256 = digest.hexdigest()
        if target is not None and self._folder is not None:
            target.replace(self._folder / sha256)
        path = clean_path(name) or f"part {len(self.found) + 1}"
        if (path, sha256) not in self._seen:
            self._seen.add((path, sha256))
            self.found.append({"path": path, "sha256": sha256, "size": size})
        return True


def clean_path(name: str) -> str:
    """A relative path without `..`, drives and what cannot be seen; of a long one its end."""
    plain = unicodedata.normalize("NFC", name.replace("\\", "/"))
    plain = "".join(sign for sign in plain if unicodedata.category(sign) not in _UNWANTED)
    segments = [segment.strip() for segment in _DRIVE.sub("", plain).split("/")]
    segments = [segment for segment in segments if segment and segment.strip(".")]
    while len(segments) > 1 and len("/".join(segments)) > _LONGEST_PATH:
        segments.pop(0)
    path = "/".join(segments)
    return path if len(path) <= _LONGEST_PATH else path[-_LONGEST_PATH:].lstrip(" ./")
