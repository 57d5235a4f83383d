"""What a document may be called and described by: names, collections, metadata. Raises InvalidInput."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from shared.kernel import FieldError, InvalidInput

Metadata = Mapping[str, Any]
"""Keys to scalars or lists of scalars."""

LONGEST_NAME: Final = 255
"""In code points, after NFC."""
LONGEST_COLLECTION: Final = 64
LARGEST_METADATA: Final = 16 << 10
"""In bytes of compact UTF-8 JSON."""
LONGEST_KEY: Final = 128
LARGEST_INTEGER: Final = (1 << 63) - 1
_COLLECTION: Final = re.compile(rf"[\w.-]{{1,{LONGEST_COLLECTION}}}")
_REFUSED_CATEGORIES: Final = {
    "Cc": "a control character",
    "Cs": "half a surrogate pair",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    # Right-to-left controls show another name than there is (`invoice\u202efdp.exe`); a byte order mark, a soft
    # hyphen or a space of no width make two names that look like one.
    "Cf": "an invisible control character",
}
# Of those the ones that writing needs: joiners (Persian, Hindi, emoji) and signs that stand before a number.
_NEEDED_TO_WRITE: Final = frozenset(
    "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)


def document_name(text: str) -> str:
    """The name in NFC. Names are labels, not paths on a disk; `/` may group them."""
    name = unicodedata.normalize("NFC", text)
    if not name.strip():
        raise _wrong("name", "A document needs a name.", "empty_name")
    if len(name) > LONGEST_NAME:
        raise _wrong(
            "name", f"The name has {len(name)} characters; at most {LONGEST_NAME} are allowed.", "name_too_long"
        )
    for place, character in enumerate(name):
        problem = "NUL" if character == "\0" else _REFUSED_CATEGORIES.get(unicodedata.category(character))
        problem = "a noncharacter" if _is_noncharacter(character) else problem
        if problem is not None and character not in _NEEDED_TO_WRITE:
            raise _wrong(
                "name", f"The name has {problem} (U+{ord(character):04X}) at place {place + 1}.", "name_not_allowed"
            )
    if {".", ".."} & set(re.split(r"[/\\]", name)):
        raise _wrong("name", "The name has a `.` or `..` segment; names are labels, not paths.", "name_not_allowed")
    return name


def _is_noncharacter(character: str) -> bool:
    """Of the 66 that Unicode keeps for programs (23.7); some stores and formats refuse them."""
    return ord(character) & 0xFFFE == 0xFFFE or "\ufdd0" <= character <= "\ufdef"


def part_name(parent: str, path: str) -> str:
    """What a file in a document is called: below the document's name. Of a name that is too long, the end."""
    name = f"{parent}/{path}"
    return name if len(name) <= LONGEST_NAME else "…" + name[len(name) - LONGEST_NAME + 1 :]


def collection_name(text: str) -> str:
    """The collection's name in NFC: 1 to 64 letters, digits, `_`, `.` or `-`."""
    name = unicodedata.normalize("NFC", text)
    if not _COLLECTION.fullmatch(name):
        raise _wrong(
            "collection",
            "A collection's name has 1 to 64 letters, digits, `_`, `.` or `-`, and nothing else.",
            "collection_not_allowed",
        )
    return name


def checked_metadata(metadata: object) -> dict[str, Any]:
    """A JSON object of scalars or lists of scalars, at most 16 KiB; anything else is refused."""
    if not isinstance(metadata, dict):
        raise _wrong("metadata", "Metadata is a JSON object.", "wrong_metadata")
    for key, value in metadata.items():
        if not isinstance(key, str) or not key.strip() or len(key) > LONGEST_KEY:
            raise _wrong(
                "metadata", f"A key of the metadata has 1 to {LONGEST_KEY} characters: {key!r:.200}.", "wrong_metadata"
            )
        if not _is_text(key):
            raise _wrong("metadata", f"The key {key!r} of the metadata has half a surrogate pair.", "wrong_metadata")
        for item in value if isinstance(value, list) else [value]:
            problem = _problem_of(item)
            if problem is not None:
                raise _wrong(f"metadata.{key}", f"The metadata value of {key!r} {problem}.", "wrong_metadata")
    size = len(json.dumps(metadata, ensure_ascii=False, separators=(",", ":")).encode())
    if size > LARGEST_METADATA:
        raise _wrong(
            "metadata", f"The metadata has {size} bytes; at most {LARGEST_METADATA} are allowed.", "metadata_too_large"
        )
    return dict(metadata)


def _problem_of(value: object) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else "has half a surrogate pair"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= LARGEST_INTEGER else "is an integer of more than 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not a finite number"
    return "must be a string, a number, true, false, null or a list of these; nesting is not supported"


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong(field: str, message: str, code: str) -> InvalidInput:
    return InvalidInput(message, code=code, errors=(FieldError(field, message),))
