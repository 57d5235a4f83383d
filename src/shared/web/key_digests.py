"""What is derived of an API key, so that the key itself need not be kept.

One fast hash is enough: a key that is made here is 256 random bits, which nobody tries out.
"""

import hmac
import secrets
from hashlib import sha256
from typing import Final

from shared.ports.api_keys import KeyDigests

PREFIX: Final = "seoga_"
"""Keys that are made begin so: scanners for leaked secrets, and people, know what it is."""
_OWNER_DIGITS: Final = 32


def new_key() -> str:
    """256 random bits behind the prefix: 49 characters of ASCII."""
    return PREFIX + secrets.token_urlsafe(32)


def digests_of(key: str) -> KeyDigests:
    """What is kept of it."""
    return KeyDigests(
        key=sha256(f"seoga key {key}".encode()).hexdigest(),
        session=session_digest(session_secret(key)),
        owner=owner_name(key),
    )


def session_secret(key: str) -> str:
    """What a session shows of its key: only who has the key can say it, and the key cannot be had from it."""
    return hmac.new(key.encode(), b"seoga session", sha256).hexdigest()


def session_digest(secret: str) -> str:
    """What is kept of that."""
    return sha256(f"seoga session {secret}".encode()).hexdigest()


def owner_name(key: str | None) -> str:
    """What is kept of who owns something; None: everybody of this machine. Tells nothing of the key."""
    return "everybody" if key is None else hmac.new(key.encode(), b"seoga owner", sha256).hexdigest()[:_OWNER_DIGITS]
