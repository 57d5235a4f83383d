"""Addresses that hold a picture themselves (RFC 2397): how it is named, and its bytes."""

import base64
import binascii
import hashlib
from urllib.parse import unquote_to_bytes


def address_digest(text: bytes) -> str:
    """By which a picture is found again that an address (`data:image/png;base64,…`) holds, given what follows `,`."""
    return hashlib.sha256(b"".join(text.split())).hexdigest()


def decoded(text: bytes) -> bytes:
    """What follows `base64,` in an address, as bytes. Raises ValueError."""
    try:
        return base64.b64decode(b"".join(unquote_to_bytes(text).split()) + b"==")
    except binascii.Error as error:
        raise ValueError("no base64") from error
