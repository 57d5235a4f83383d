"""The records that HWP 5 consists of: a tag, a level, some bytes; deeper levels belong to what is before them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_LONG: Final = 0xFFF
_MOST: Final = 5_000_000


@dataclass(slots=True)
class Record:
    """One record and those below it."""

    tag: int
    level: int
    data: bytes
    children: "list[Record]" = field(default_factory=list)


def records_of(raw: bytes) -> list[Record]:
    """As they follow each other, up to where the stream is cut or makes no sense."""
    records: list[Record] = []
    at = 0
    while at + 4 <= len(raw) and len(records) < _MOST:
        head = struct.unpack_from("<I", raw, at)[0]
        at += 4
        size = head >> 20
        if size == _LONG:
            if at + 4 > len(raw):
                break
            size = struct.unpack_from("<I", raw, at)[0]
            at += 4
        records.append(Record(head & 0x3FF, head >> 10 & 0x3FF, raw[at : at + size]))
        at += size
    return records


def tree_of(records: Sequence[Record]) -> list[Record]:
    """Those of the first level, each with its own below it."""
    roots: list[Record] = []
    path: list[Record] = []
    for record in records:
        while path and path[-1].level >= record.level:
            path.pop()
        (path[-1].children if path else roots).append(record)
        path.append(record)
    return roots
