"""A compound file (MS-CFB) with the streams that a test wants, small as it is."""

import struct
from collections.abc import Mapping

_END, _FREE, _TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
_SECTOR = 512
_LEAST = 4096
"""Shorter streams would have to go into a stream of their own: they are filled up with zeros."""


def an_ole_file(streams: Mapping[str, bytes]) -> bytes:
    """`streams` by path; one slash puts a stream into a storage."""
    storages = sorted({path.partition("/")[0] for path in streams if "/" in path})
    names = ["Root Entry", *storages, *streams]
    bodies = {path: content.ljust(_LEAST, b"\0") for path, content in streams.items()}
    sectors: list[bytes] = []
    table: list[int] = []
    first: dict[str, int] = {}

    def place(content: bytes) -> int:
        start, count = len(sectors), -(-len(content) // _SECTOR)
        sectors.extend(content[at * _SECTOR : (at + 1) * _SECTOR].ljust(_SECTOR, b"\0") for at in range(count))
        table.extend([*range(start + 1, start + count), _END])
        return start

    for path, content in bodies.items():
        first[path] = place(content)
    entries = b""
    for number, path in enumerate(names):
        kind = 5 if number == 0 else 1 if path in storages else 2
        if number == 0:
            child = [at for at, other in enumerate(names) if at and "/" not in other]
        else:
            child = [at for at, other in enumerate(names) if other.startswith(path + "/")] if kind == 1 else []
        siblings = [
            at
            for at, other in enumerate(names)
            if at and other.rpartition("/")[0] == path.rpartition("/")[0] and ("/" in other) == ("/" in path)
        ]
        after = [at for at in siblings if at > number] if number else []
        name = path.rpartition("/")[2].encode("utf-16-le")
        entries += name.ljust(64, b"\0") + struct.pack(
            "<HBBIII16sIQQIQ", len(name) + 2, kind, 1, _FREE, after[0] if after else _FREE,
            child[0] if child else _FREE, bytes(16), 0, 0, 0, first.get(path, _END), len(bodies.get(path, b"")),
        )  # fmt: skip
    directory = place(entries)
    tables = -(-(len(table) + 8) // 128)
    at = len(sectors)
    table += [_TABLE] * tables
    raw = struct.pack(f"<{len(table)}I", *table).ljust(tables * _SECTOR, b"\xff")
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, tables, directory, 0, _LEAST, _END, 0, _END, 0
    )  # fmt: skip
    header += struct.pack("<109I", *range(at, at + tables), *[_FREE] * (109 - tables))
    return header + b"".join(sectors) + raw
