"""What a part of a form calls its file, as the clients that exist write it.

Browsers, curl, requests and httpx send UTF-8 as it is; aiohttp sends it percent-encoded; others (older requests,
httpie, Java) send `filename*`, which RFC 7578 forbids in forms; where it comes all the same it is the better one.
Libraries made for mail write encoded words (RFC 2047).
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header
from email.utils import decode_params, unquote
from typing import Final
from urllib.parse import unquote_to_bytes

from python_multipart import multipart

from shared.kernel import FieldError, InvalidInput

_PARAMETER: Final = re.compile(r';\s*([\w*-]+)\s*=\s*("(?:\\.|[^"\\])*"|[^;]*)')
# Browsers escape quotes and line ends in file names so (WHATWG HTML, "multipart form data"), others all controls.
_ESCAPED: Final = re.compile(r"%([01][0-9A-Fa-f]|22)")
_ENCODED_WORDS: Final = re.compile(r"(?:=\?[\w-]{1,40}\?[BbQq]\?[!->@-~]*\?=\s*)+")
_CHARSETS: Final = ("utf-8", "us-ascii", "iso-8859-1", "euc-kr", "cp949")


def file_name(disposition: bytes) -> str | None:
    """The name in a Content-Disposition; None: the part is no file. Raises InvalidInput for one that is not UTF-8."""
    extended = _extended(disposition.decode("latin-1"))
    if extended is not None:
        return extended
    raw = multipart.parse_options_header(disposition)[1].get(b"filename")
    if raw is None:
        return None
    return _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), _text_in(raw))


def _text_in(raw: bytes) -> str:
    if raw.isascii():
        # Only what says something beyond ASCII: `100%25.txt` may well be the file's name.
        if (said := _from_words(raw.decode())) is not None:
            return said
        encoded = unquote_to_bytes(raw)
        try:
            return (raw if encoded.isascii() else encoded).decode()
        except UnicodeDecodeError:
            return raw.decode()
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        shown = raw.decode("utf-8", "replace")
        raise InvalidInput(
            f"The name {shown!r} of a file is not UTF-8.",
            code="name_not_allowed",
            errors=(FieldError("name", "is not UTF-8"),),
        ) from error


def _from_words(written: str) -> str | None:
    """What encoded words say; None where there are others, or they cannot be read."""
    if not _ENCODED_WORDS.fullmatch(written):
        return None
    try:
        pieces = decode_header(written)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii") for piece, charset in pieces
        )
    except (HeaderParseError, ValueError, LookupError):
        return None


def _extended(disposition: str) -> str | None:
    """The value of `filename*` (RFC 8187) or of `filename*0` and on (RFC 2231), if there is one that can be read."""
    parameters = [(name.lower(), value.strip()) for name, value in _PARAMETER.findall(disposition)]
    is_in_pieces = any(name == "filename*0" for name, _ in parameters)
    try:
        # An extended value comes as charset, language and text.
        decoded: list[tuple[str, object]] = list(decode_params([("", ""), *parameters]))
        for name, value in decoded:
            if name == "filename" and isinstance(value, tuple) and (value[0] or "").lower() in _CHARSETS:
                return unquote(value[2]).encode("latin-1").decode(value[0])
            if name == "filename" and isinstance(value, str) and is_in_pieces:
                return unquote(value).encode("latin-1").decode()
    except (ValueError, TypeError):  # continuations that do not fit together, bytes of another charset
        return None
    return None
