"""What every BlobStore agrees on: which keys there are, and whose content hash one carries."""

from typing import Final

from shared.artefacts.address import original_key
from shared.kernel import Damaged, InvalidInput, NotFound, TooLarge
from shared.patterns import pattern

PIECE_BYTES: Final = 1 << 20
HEAD_BYTES: Final = 8 << 10
ORIGINALS: Final = "originals"
ARTEFACTS: Final = "artefacts"
_KEY: Final = pattern(r"[a-z0-9_-][a-z0-9._-]*(/[a-z0-9_-][a-z0-9._-]*)*")
_LONGEST_KEY: Final = 400
_SHA256: Final = pattern(r"[0-9a-f]{64}")


def checked(key: str) -> str:
    """Raises InvalidInput for a key that is none."""
    if len(key) > _LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidInput(f"{key!r} is not the key of a blob.", code="invalid_key")
    return key


def sha256_in(key: str) -> str | None:
    """The content hash that the key's last part begins with or is."""
    found = _SHA256.search(key.rpartition("/")[2])
    return found[0] if found else None


def hash_of_original(key: str) -> str | None:
    """Of `originals/ab/ab…`; None for every other key."""
    sha256 = sha256_in(key)
    return sha256 if sha256 is not None and key == original_key(sha256) else None


def not_found(key: str) -> NotFound:
    """To be raised."""
    return NotFound(f"There is no blob {key!r}.", code="blob_not_found")


def damaged(key: str) -> Damaged:
    """To be raised."""
    return Damaged(f"The blob {key!r} is not what was written.", code="blob_damaged")


def too_large(max_bytes: int) -> TooLarge:
    """To be raised."""
    return TooLarge(f"It has more than {max_bytes} bytes, the most this server takes.")
