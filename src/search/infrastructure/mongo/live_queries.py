"""What the LiveStore asks of MongoDB, and the indexes that serve it; live_store.py says why it is right."""

from typing import Final

from search.infrastructure.mongo.records import RECORDS
from shared.infrastructure.mongo.queries import Given, Index, Query

INDEXES: Final = (
    Index(RECORDS, (("collection", 1),), where={"collection": {"$exists": True}}),
    Index(RECORDS, (("retired.at", 1),), where={"retired.at": {"$exists": True}}),
)
RECORD: Final = Query(RECORDS, {"_id": Given("id")})
SWITCHABLE: Final = Query(
    RECORDS,
    {
        "_id": Given("id"),
        "next": {"$exists": False},
        "live_version": {"$gte": Given("least"), "$lt": Given("below")},
        "withdrawn_version": {"$lt": Given("version")},
    },
)
WITHDRAWABLE: Final = Query(
    RECORDS, {"_id": Given("id"), "next": {"$exists": False}, "withdrawn_version": {"$lt": Given("version")}}
)
# A version that is live stays as it was made live, so this says that the whole of `live` is what was read.
AS_READ: Final = Query(
    RECORDS,
    {
        "_id": Given("id"),
        "next": {"$exists": False},
        "live_version": Given("live_version"),
        "withdrawn_version": Given("withdrawn_version"),
    },
)
# Labels decide whether the units of the new version carry the newest: these must be the ones that were looked at.
DECIDED: Final = Query(
    RECORDS, {"_id": Given("id"), "next.token": Given("token"), "labels_version": Given("labels_version")}
)
FAILING: Final = Query(
    RECORDS,
    {
        "_id": Given("id"),
        "failed_version": {"$lt": Given("version")},
        "withdrawn_version": {"$lt": Given("version")},
    },
)
FAILED: Final = Query(RECORDS, {"_id": Given("id"), "failed_version": Given("version")})
IN_COLLECTION: Final = Query(RECORDS, {"collection": Given("name")})
LIVE: Final = Query(RECORDS, {"_id": {"$gt": Given("after")}, "live_version": {"$gt": 0}}, sort=(("_id", 1),))
RETIRED: Final = Query(
    RECORDS, {"retired.at": {"$lte": Given("long_ago")}, "retired.live_until": {"$lte": Given("before")}}
)
