"""Whether a MongoDB takes writes and gives them back."""

import contextlib
from typing import Any, Final

from shared.infrastructure.mongo.meanings import Duplicate
from shared.infrastructure.mongo.queries import Query, Row
from shared.kernel import Unavailable
from shared.ports.health import ComponentHealth

PROBES: Final = "probes"
PROBE: Final = Query(PROBES, {"_id": "probe"})


def standing_of(hello: Row, where: str, shown: str) -> ComponentHealth:
    """By the server's greeting."""
    if hello.get("ismaster") and not hello.get("readOnly"):
        return ComponentHealth(ready=True, detail=f"answers ({shown})")
    return ComponentHealth(
        ready=False,
        detail=f"{where} takes no writes: it is read-only, or no primary. "
        "Name the primary or the whole replica set in the URL.",
    )


async def write_and_read(rows: Any) -> None:
    """In `rows`, a MongoCollection of PROBES: raises a number in one document that all processes share, and reads it.

    Raises Unavailable, StorageFull.
    """
    written = 0
    # Of two that come first, one meets the other's.
    with contextlib.suppress(Duplicate):
        row = await rows.take(PROBE, {"$inc": {"number": 1}}, upsert=True)
        written = int(row["number"]) if row else 0
    found = await rows.find_one(PROBE)
    if found is None or int(found["number"]) < written:
        raise Unavailable("MongoDB (SEOGA_STORE_URL) does not give back what it took.")
