"""A pack: several artefacts in one file, checked and compressed.

It is `MAGIC`, a digest (BLAKE2b, 16 bytes) of all behind it, the lengths of the table and of the compressed part, the
table (JSON: name → [is compressed, length]), the compressed part (one zlib stream, so that text which two artefacts
have is stored once), and the rest.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Mapping
from typing import Final

_MAGIC: Final = b"\x89SGA\x01\r\n\n"
_DIGEST_BYTES: Final = 16
_LENGTHS: Final = struct.Struct("<IQ")
_SAMPLE_BYTES: Final = 4 << 10
_WORTH_IT: Final = 0.8
"""What is not shorter than that when it is compressed (numbers, pictures) is stored as it is."""
_LEVEL: Final = 6


def pack(contents: Mapping[str, bytes]) -> bytes:
    """By name."""
    squeezed = [name for name, content in contents.items() if _is_compressible(content)]
    plain = [name for name in contents if name not in squeezed]
    lengths = {name: [name in squeezed, len(contents[name])] for name in (*squeezed, *plain)}
    table = json.dumps(lengths, separators=(",", ":")).encode()
    compressed = zlib.compress(b"".join(contents[name] for name in squeezed), _LEVEL) if squeezed else b""
    rest = (contents[name] for name in plain)
    body = b"".join([_LENGTHS.pack(len(table), len(compressed)), table, compressed, *rest])
    return _MAGIC + _digest(body) + body


def unpack(raw: bytes) -> dict[str, bytes]:
    """The inverse. Raises ValueError for what is no pack, or not as it was written."""
    start = len(_MAGIC) + _DIGEST_BYTES
    body = memoryview(raw)[start:]
    if not raw.startswith(_MAGIC) or raw[len(_MAGIC) : start] != _digest(body):
        raise ValueError("it is not what was written")
    table_length, compressed_length = _LENGTHS.unpack_from(body)
    table = json.loads(bytes(body[_LENGTHS.size : _LENGTHS.size + table_length]))
    rest = body[_LENGTHS.size + table_length :]
    squeezed = memoryview(zlib.decompress(rest[:compressed_length]) if compressed_length else b"")
    parts = {True: squeezed, False: rest[compressed_length:]}
    contents = {}
    for name, (is_compressed, length) in table.items():
        contents[name] = bytes(parts[is_compressed][:length])
        parts[is_compressed] = parts[is_compressed][length:]
    return contents


def _digest(body: bytes | memoryview) -> bytes:
    return hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest()


def _is_compressible(content: bytes) -> bool:
    sample = content[:_SAMPLE_BYTES]
    return len(zlib.compress(sample, 1)) < _WORTH_IT * len(sample)
