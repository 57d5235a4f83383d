"""Evaluations in MongoDB: the EvaluationStore in the collection `search_evaluations`."""

import json
from collections.abc import Collection, Sequence
from typing import Final

from typing_extensions import override

from search.application.ports.evaluations import Evaluation, EvaluationPlace, EvaluationStore
from search.infrastructure.evaluation_rows import instant, microseconds
from shared.infrastructure.mongo.database import MongoDatabase
from shared.infrastructure.mongo.queries import Given, Index, Query, Row

EVALUATIONS: Final = "search_evaluations"
# One field for the order, so that "behind" is one comparison: instant and id.
_NEWEST_FIRST: Final = (("place", -1),)
INDEXES: Final = (Index(EVALUATIONS, (("place", 1),)),)
ONE: Final = Query(EVALUATIONS, {"_id": Given("id")})
BEHIND: Final = Query(EVALUATIONS, {"place": {"$lt": Given("place")}}, sort=_NEWEST_FIRST)
_LAST: Final = "z"
_HEAD: Final = {"per_question": 0}


class MongoEvaluations(EvaluationStore):
    """Questions are kept as JSON text: their ids may be anything, and nobody asks the database for them."""

    def __init__(self, database: MongoDatabase) -> None:
        self._evaluations = database.collection(EVALUATIONS)
        database.declare(*INDEXES)

    @override
    async def add(self, evaluation: Evaluation, *, kept: int) -> None:
        place = _place(EvaluationPlace(evaluation.created_at, evaluation.id))
        await self._evaluations.update(
            ONE,
            {
                "$set": {
                    "place": place,
                    "created_at": microseconds(evaluation.created_at),
                    "name": evaluation.name,
                    "collection": evaluation.collection,
                    "mode": evaluation.mode,
                    "outcome": json.dumps(evaluation.outcome),
                    "per_question": json.dumps(evaluation.per_question),
                }
            },
            upsert=True,
            id=evaluation.id,
        )
        rows = await self._evaluations.find(BEHIND, limit=kept + 1, fields={"place": 1}, place=_LAST)
        if len(rows) > kept:
            await self._evaluations.delete(BEHIND, many=True, place=rows[kept - 1]["place"])

    @override
    async def get(self, evaluation_id: str) -> Evaluation | None:
        row = await self._evaluations.find_one(ONE, id=evaluation_id)
        return None if row is None else _evaluation(row)

    @override
    async def page(
        self, collections: Collection[str] | None, *, after: EvaluationPlace | None, limit: int
    ) -> Sequence[Evaluation]:
        rows = await self._evaluations.find(
            BEHIND, limit=limit, fields=_HEAD, also=_of(collections), place=_LAST if after is None else _place(after)
        )
        return [_evaluation(row) for row in rows]

    @override
    async def count(self, collections: Collection[str] | None) -> int:
        return await self._evaluations.count(BEHIND, also=_of(collections), place=_LAST)


def _of(collections: Collection[str] | None) -> Row | None:
    return None if collections is None else {"collection": {"$in": sorted(collections)}}


def _place(place: EvaluationPlace) -> str:
    return f"{microseconds(place.created_at):020d} {place.id}"


def _evaluation(row: Row) -> Evaluation:
    return Evaluation(
        id=row["_id"],
        name=row["name"],
        collection=row["collection"],
        mode=row["mode"],
        created_at=instant(row["created_at"]),
        outcome=json.loads(row["outcome"]),
        per_question=json.loads(row.get("per_question", "[]")),
    )
