"""Series in MongoDB: `monitor_series`, and `monitor_points` with a document for each block of points."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from typing_extensions import override

from monitor.application.alert_ports import MetricRepository
from monitor.domain.metric import Labels, Point, Resolution, SeriesKey, matches
from monitor.infrastructure.watch_rows import BLOCK_SECONDS, block_starts, by_block, labels_from, written_labels
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Update

SERIES: Final = "monitor_series"
POINTS: Final = "monitor_points"
INDEXES: Final = (
    Index(SERIES, (("name", 1), ("labels", 1))),
    Index(POINTS, (("resolution", 1), ("start", 1))),
)
ONE_SERIES: Final = Query(SERIES, {"_id": Given("id")})
OF_NAME: Final = Query(SERIES, {"name": Given("name")}, sort=(("labels", 1),))
ALL_SERIES: Final = Query(SERIES, {}, scans="some hundred series, whose names are listed")
ONE_BLOCK: Final = Query(POINTS, {"_id": Given("id")})
BLOCKS: Final = Query(POINTS, {"_id": {"$in": Given("ids")}}, sample={"ids": ["1:0:a[]"]})
OLD: Final = Query(POINTS, {"resolution": Given("resolution"), "start": {"$lte": Given("last")}}, sort=(("start", 1),))
_ASKED_AT_ONCE: Final = 1_000


class MongoMetrics(MetricRepository):
    """A point is set in its block without reading it, so that processes do not meet."""

    def __init__(self, database: MongoDatabase) -> None:
        database.declare(*INDEXES)
        self._series = database.collection(SERIES)
        self._points = database.collection(POINTS)
        self._known: set[SeriesKey] = set()

    @override
    async def add(self, resolution: Resolution, points: Mapping[SeriesKey, Sequence[Point]]) -> None:
        fresh = [series for series in points if series not in self._known]
        await self._series.write(
            *(
                Update(
                    ONE_SERIES,
                    {"$set": {"name": series.name, "labels": written_labels(series.labels)}},
                    {"id": _name_of(series)},
                    upsert=True,
                )
                for series in fresh
            ),
            ordered=False,
        )
        self._known.update(fresh)
        await self._points.write(
            *(
                Update(
                    ONE_BLOCK,
                    {
                        "$set": {
                            "resolution": int(resolution),
                            "start": block,
                            **{
                                f"points.{point.start - block}": [point.samples, point.mean, point.least, point.most]
                                for point in some
                            },
                        }
                    },
                    {"id": _block_of(series, resolution, block)},
                    upsert=True,
                )
                for series, all_points in points.items()
                for block, some in by_block(resolution, all_points).items()
            ),
            ordered=False,
        )

    @override
    async def series(self, name: str, labels: Labels = ()) -> Sequence[SeriesKey]:
        rows = await self._series.find(OF_NAME, name=name)
        found = (SeriesKey(name, labels_from(row["labels"])) for row in rows)
        return [series for series in found if matches(labels, series.labels)]

    @override
    async def names(self) -> Sequence[str]:
        return sorted({row["name"] for row in await self._series.find(ALL_SERIES, fields={"name": 1})})

    @override
    async def points(
        self, series: Collection[SeriesKey], resolution: Resolution, start: int, end: int
    ) -> Mapping[SeriesKey, Sequence[Point]]:
        owners = {
            _block_of(one, resolution, block): one for one in series for block in block_starts(resolution, start, end)
        }
        ids, found = list(owners), dict[SeriesKey, list[Point]]()
        for place in range(0, len(ids), _ASKED_AT_ONCE):
            for row in await self._points.find(BLOCKS, ids=ids[place : place + _ASKED_AT_ONCE]):
                found.setdefault(owners[row["_id"]], []).extend(
                    Point(row["start"] + int(offset), *values)
                    for offset, values in row["points"].items()
                    if start <= row["start"] + int(offset) < end
                )
        return {one: sorted(some, key=lambda point: point.start) for one, some in found.items() if some}

    @override
    async def forget(self, resolution: Resolution, before: int, limit: int) -> int:
        last = before - BLOCK_SECONDS[resolution]
        rows = await self._points.find(OLD, limit=limit, fields={"_id": 1}, resolution=int(resolution), last=last)
        return await self._points.delete(BLOCKS, many=True, ids=[row["_id"] for row in rows]) if rows else 0


def _name_of(series: SeriesKey) -> str:
    return series.name + written_labels(series.labels)


def _block_of(series: SeriesKey, resolution: Resolution, block: int) -> str:
    return f"{int(resolution)}:{block}:{_name_of(series)}"
