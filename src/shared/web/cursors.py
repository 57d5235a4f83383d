"""Cursors: opaque words that say where in which list a page begins. No web framework: use cases may name the error."""

import base64
import hashlib
import json
from typing import Any, Final, TypeVar, get_args

from shared.kernel import DomainError

LONGEST: Final = 800
"""In characters; none that is given out comes near."""
_LARGEST: Final = 1 << 62
CURSOR_SCHEMA: Final[dict[str, Any]] = {"maxLength": LONGEST, "pattern": "^[A-Za-z0-9_-]+$"}
"""For JSON schemas: what every cursor keeps to; one that does not is as wrong as one of another list (400)."""

Place = TypeVar("Place", bound=tuple[int | str, ...])
"""Where in a list: integers from 0 to below 2^62, and strings."""


class WrongCursor(DomainError):
    """The cursor is damaged, or of another list or other filters (HTTP 400)."""

    code = "wrong_cursor"
    title = "The cursor does not belong to this list"

    def __init__(self) -> None:
        super().__init__(
            "The cursor is not one of this list with these filters: leave it out to begin with the first page."
        )


def write_cursor(scope: str, *place: int | str) -> str:
    """URL-safe text that `read_cursor` takes for the same scope: the list's name and its filters."""
    raw = json.dumps([_digest(scope), *place], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def read_cursor(text: str, scope: str, kind: type[Place]) -> Place:
    """The place in it, of a kind such as `tuple[int, str]`. Raises WrongCursor for what was not written for it."""
    if len(text) > LONGEST:
        raise WrongCursor
    try:
        _, *parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        # Base64 and JSON allow many spellings of one thing: only our own is taken.
        is_ours = tuple(map(type, parts)) == get_args(kind) and write_cursor(scope, *parts) == text
    except (ValueError, TypeError, RecursionError) as error:
        raise WrongCursor from error
    if not is_ours or any(isinstance(part, int) and not 0 <= part < _LARGEST for part in parts):
        raise WrongCursor
    place: Place = tuple(parts)  # type: ignore[assignment]  # its types were compared above
    return place


def _digest(scope: str) -> str:
    return hashlib.sha256(scope.encode("utf-8", "surrogatepass")).hexdigest()[:12]
