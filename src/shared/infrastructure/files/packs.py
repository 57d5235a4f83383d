"""A pack: several artefacts in one file, checked and compressed.

It is a magic, a digest (BLAKE2b, 16 bytes) of all behind it, the lengths of the table and of the compressed part, the
table (JSON: name → [is compressed, length]), the compressed part (one zlib stream, so that text which two artefacts
have is stored once), and the rest.

What was read from a short text is that text for the greater part: then the original is the stream's dictionary, which
another magic says, and who unpacks needs it too. zlib's streams know their dictionary by a checksum.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Final

LONGEST_DICTIONARY: Final = 32 << 10
"""As far back as zlib looks: of a longer original it would see the end alone."""
_MAGIC: Final = b"\x89SGA\x01\r\n\n"
_MAGIC_WITH_ORIGINAL: Final = b"\x89SGA\x02\r\n\n"
_DIGEST_BYTES: Final = 16
_LENGTHS: Final = struct.Struct("<IQ")
_SAMPLE_BYTES: Final = 4 << 10
_WORTH_IT: Final = 0.8
"""What is not shorter than that when it is compressed (numbers, pictures) is stored as it is."""
_LEVEL: Final = 6


def pack(contents: Mapping[str, bytes], original: bytes = b"") -> bytes:
    """By name. With an `original` of text that is no longer than LONGEST_DICTIONARY, nobody unpacks it without that."""
    squeezed = [name for name, content in contents.items() if _is_compressible(content)]
    plain = [name for name in contents if name not in squeezed]
    lengths = {name: [name in squeezed, len(contents[name])] for name in (*squeezed, *plain)}
    table = json.dumps(lengths, separators=(",", ":")).encode()
    is_needed = bool(squeezed) and 0 < len(original) <= LONGEST_DICTIONARY and _is_compressible(original)
    deflating = zlib.compressobj(_LEVEL, zdict=original) if is_needed else zlib.compressobj(_LEVEL)
    pieces = [deflating.compress(contents[name]) for name in squeezed]
    compressed = b"".join((*pieces, deflating.flush())) if squeezed else b""
    rest = (contents[name] for name in plain)
    body = b"".join([_LENGTHS.pack(len(table), len(compressed)), table, compressed, *rest])
    return (_MAGIC_WITH_ORIGINAL if is_needed else _MAGIC) + _digest(body) + body


def unpack(raw: bytes, original: Callable[[], bytes] = bytes) -> dict[str, bytes]:
    """The inverse; `original` is asked for where it is needed, and may raise what it likes.

    Raises ValueError for what is no pack, or not as it was written.
    """
    start = len(_MAGIC) + _DIGEST_BYTES
    body = memoryview(raw)[start:]
    if not raw.startswith((_MAGIC, _MAGIC_WITH_ORIGINAL)) or raw[len(_MAGIC) : start] != _digest(body):
        raise ValueError("it is not what was written")
    table_length, compressed_length = _LENGTHS.unpack_from(body)
    table = json.loads(bytes(body[_LENGTHS.size : _LENGTHS.size + table_length]))
    rest = body[_LENGTHS.size + table_length :]
    dictionary = original() if raw.startswith(_MAGIC_WITH_ORIGINAL) else None
    squeezed = memoryview(_inflated(rest[:compressed_length], dictionary) if compressed_length else b"")
    parts = {True: squeezed, False: rest[compressed_length:]}
    contents = {}
    for name, (is_compressed, length) in table.items():
        contents[name] = bytes(parts[is_compressed][:length])
        parts[is_compressed] = parts[is_compressed][length:]
    return contents


def _inflated(stream: memoryview, dictionary: bytes | None) -> bytes:
    if dictionary is None:
        return zlib.decompress(stream)
    inflating = zlib.decompressobj(zdict=dictionary)
    try:
        return inflating.decompress(stream)
    except zlib.error as error:
        raise ValueError(f"its original is not what it was: {error}") from error


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _is_compressible(content: bytes) -> bool:
    sample = content[:_SAMPLE_BYTES]
    return len(zlib.compress(sample, 1)) < _WORTH_IT * len(sample)
