"""Series in Monitor's SQLite file: a row for each block of points, compressed."""

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import MetricRepository
from monitor.domain.metric import Labels, Point, Resolution, SeriesKey, matches
from monitor.infrastructure.watch_rows import (
    BLOCK_SECONDS,
    block_starts,
    by_block,
    labels_from,
    packed,
    unpacked,
    written_labels,
)
from shared.infrastructure.sqlite.database import SqliteDatabase
from shared.infrastructure.sqlite.schema import Schema

SCHEMA: Final = Schema(
    """
CREATE TABLE IF NOT EXISTS metric_series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    UNIQUE (name, labels)
);
CREATE TABLE IF NOT EXISTS metric_blocks (
    resolution INTEGER NOT NULL,
    start INTEGER NOT NULL,
    series INTEGER NOT NULL,
    points BLOB NOT NULL,
    PRIMARY KEY (resolution, start, series)
) WITHOUT ROWID;
"""
)


class SqliteMetrics(MetricRepository):
    """MetricRepository in `database`, whose schema must contain SCHEMA."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._ids: dict[SeriesKey, int] = {}

    @override
    async def add(self, resolution: Resolution, points: Mapping[SeriesKey, Sequence[Point]]) -> None:
        blocks = {series: by_block(resolution, some) for series, some in points.items()}
        await self._database.write(lambda connection: self._add(connection, resolution, blocks))

    @override
    async def series(self, name: str, labels: Labels = ()) -> Sequence[SeriesKey]:
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT labels FROM metric_series WHERE name = ? ORDER BY labels", (name,)
            ).fetchall()
        )
        found = (SeriesKey(name, labels_from(row["labels"])) for row in rows)
        return [series for series in found if matches(labels, series.labels)]

    @override
    async def names(self) -> Sequence[str]:
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT DISTINCT name FROM metric_series ORDER BY name").fetchall()
        )
        return [row["name"] for row in rows]

    @override
    async def points(
        self, series: Collection[SeriesKey], resolution: Resolution, start: int, end: int
    ) -> Mapping[SeriesKey, Sequence[Point]]:
        # Which blocks there can be is known: each is looked up, those of other series are not read.
        starts = json.dumps(list(block_starts(resolution, start, end)))

        def read(connection: sqlite3.Connection) -> dict[SeriesKey, Sequence[Point]]:
            # Unpacked in this thread, so that the event loop does not stand still for it.
            found: dict[SeriesKey, Sequence[Point]] = {}
            for one in series:
                number = self._ids.get(one) or _found(connection, one)
                if number is None:
                    continue
                inside = [
                    point
                    for block in connection.execute(
                        "SELECT start, points FROM metric_blocks WHERE resolution = ? AND series = ?"
                        " AND start IN (SELECT value FROM json_each(?)) ORDER BY start",
                        (int(resolution), number, starts),
                    )
                    for point in unpacked(block["start"], block["points"])
                    if start <= point.start < end
                ]
                if inside:
                    found[one] = inside
            return found

        return await self._database.read(read)

    @override
    async def forget(self, resolution: Resolution, before: int, limit: int) -> int:
        last = before - BLOCK_SECONDS[resolution]

        def write(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                "SELECT start, series FROM metric_blocks WHERE resolution = ? AND start <= ? ORDER BY start LIMIT ?",
                (int(resolution), last, limit),
            ).fetchall()
            connection.executemany(
                "DELETE FROM metric_blocks WHERE resolution = ? AND start = ? AND series = ?",
                [(int(resolution), row["start"], row["series"]) for row in rows],
            )
            return len(rows)

        return await self._database.write(write)

    def _add(
        self,
        connection: sqlite3.Connection,
        resolution: Resolution,
        blocks: Mapping[SeriesKey, Mapping[int, Sequence[Point]]],
    ) -> None:
        rows = []
        for series, some in blocks.items():
            series_id = self._id(connection, series)
            for block, points in some.items():
                kept = connection.execute(
                    "SELECT points FROM metric_blocks WHERE resolution = ? AND start = ? AND series = ?",
                    (int(resolution), block, series_id),
                ).fetchone()
                by_start = {point.start: point for point in unpacked(block, kept["points"])} if kept else {}
                by_start |= {point.start: point for point in points}
                together = [by_start[start] for start in sorted(by_start)]
                rows.append((int(resolution), block, series_id, packed(block, together)))
        connection.executemany(
            "INSERT OR REPLACE INTO metric_blocks (resolution, start, series, points) VALUES (?, ?, ?, ?)", rows
        )

    def _id(self, connection: sqlite3.Connection, series: SeriesKey) -> int:
        known = self._ids.get(series)
        if known is not None:
            return known
        given = (series.name, written_labels(series.labels))
        connection.execute("INSERT INTO metric_series (name, labels) VALUES (?, ?) ON CONFLICT DO NOTHING", given)
        number = _found(connection, series)
        assert number is not None
        # Remembered only when it is committed: a write that is undone gives its number away again.
        self._database.after_commit(lambda: self._ids.setdefault(series, number))
        return number


def _found(connection: sqlite3.Connection, series: SeriesKey) -> int | None:
    row = connection.execute(
        "SELECT id FROM metric_series WHERE name = ? AND labels = ?", (series.name, written_labels(series.labels))
    ).fetchone()
    return None if row is None else int(row["id"])
