"""How points, rules, silences and alerts are written in a store."""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import TypeAdapter

from monitor.domain.alert import Alert
from monitor.domain.metric import Labels, Point, Resolution
from monitor.domain.rule import AlertRule
from monitor.domain.silence import Silence

BLOCK_SECONDS: Final = {Resolution.SECOND: 60, Resolution.MINUTE: 3600, Resolution.HOUR: 86400}
"""What lies together in one row."""
RULES: Final = TypeAdapter(AlertRule)
SILENCES: Final = TypeAdapter(Silence)
ALERTS: Final = TypeAdapter(Alert)
"""JSON as pydantic writes it; fields that an older Seoga did not write get their defaults."""


def written_labels(labels: Labels) -> str:
    """The same labels are the same text."""
    return json.dumps(labels, ensure_ascii=False, separators=(",", ":"))


def labels_from(text: str) -> Labels:
    """The reverse."""
    return tuple((name, value) for name, value in json.loads(text))


def instant(at: datetime) -> str:
    """ISO 8601 in UTC; the later one sorts behind."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def by_block(resolution: Resolution, points: Iterable[Point]) -> Mapping[int, list[Point]]:
    """Points by the start of their block."""
    length, found = BLOCK_SECONDS[resolution], dict[int, list[Point]]()
    for point in points:
        found.setdefault(point.start - point.start % length, []).append(point)
    return found


def block_starts(resolution: Resolution, start: int, end: int) -> range:
    """Of every block that can have a point between the two."""
    length = BLOCK_SECONDS[resolution]
    return range(start - start % length, end, length)


def packed(block: int, points: Sequence[Point]) -> bytes:
    """Column by column and compressed: what does not move costs some 60 bytes, whatever the number of points."""
    many = len(points)
    starts, samples, means, least, most = zip(*points, strict=True)
    offsets = [start - block for start in starts]
    raw = struct.pack(f"<H{many}I{many}I{3 * many}d", many, *offsets, *samples, *means, *least, *most)
    return zlib.compress(raw, 1)


def unpacked(block: int, data: bytes) -> list[Point]:
    """The reverse."""
    raw = zlib.decompress(data)
    (many,) = struct.unpack_from("<H", raw)
    values = struct.unpack_from(f"<{many}I{many}I{3 * many}d", raw, 2)
    offsets, *columns = (values[place * many : (place + 1) * many] for place in range(5))
    return list(map(Point, [block + offset for offset in offsets], *columns))
