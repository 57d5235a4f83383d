"""The address of a request is text: percent-encoded UTF-8, or it is refused before anything reads it.

Whoever decodes it further inside puts U+FFFD for what is not UTF-8, and would look for that, or store it as a name.
"""

import re
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from starlette.types import Scope

from shared.kernel import FieldError, InvalidInput

_REMEDY: Final = "is not UTF-8: encode the text as UTF-8, then each of its bytes as %XX"
_RAW: Final = re.compile(rb"[\x80-\xff]+")


def wrong_address(scope: Scope) -> InvalidInput | None:
    """What is to be said of a path or query that is not UTF-8, with the field `path` or `query.NAME`."""
    wrong = [] if _is_text(scope.get("raw_path") or b"") else ["path"]
    for pair in scope["query_string"].split(b"&"):
        if not _is_text(pair):
            wrong.append("query." + unquote_to_bytes(pair.partition(b"=")[0]).decode("utf-8", "replace"))
    errors = [FieldError(name, _REMEDY) for name in dict.fromkeys(wrong)]
    if not errors:
        return None
    return InvalidInput("; ".join(f"{error.field} {error.message}" for error in errors), errors=errors)


def quoted(line: bytes) -> bytes:
    """A request line as it should have been sent: bytes beyond ASCII as %XX."""
    return _RAW.sub(lambda raw: quote_from_bytes(raw[0]).encode(), line)


def _is_text(part: bytes) -> bool:
    if b"%" not in part and part.isascii():
        return True
    try:
        unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
