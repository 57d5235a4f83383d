"""What MongoBlobs asks of its collections, and the indexes that serve it."""

from typing import Final

from shared.infrastructure.mongo.garbage import ARTEFACTS, CHUNKS, FILES
from shared.infrastructure.mongo.garbage import INDEXES as TRASH_INDEXES
from shared.infrastructure.mongo.queries import Given, Index, Query

_HASHED: Final = {"sha256": {"$exists": True}}
INDEXES: Final = (
    Index(FILES, (("filename", 1),), unique=True),
    Index(CHUNKS, (("files_id", 1), ("n", 1)), unique=True),
    Index(ARTEFACTS, (("sha256", 1), ("at", 1)), where=_HASHED),
    Index(ARTEFACTS, (("file", 1),), where={"file": {"$exists": True}}),
    *TRASH_INDEXES,
)
FILE: Final = Query(FILES, {"filename": Given("name")})
SEVERAL_FILES: Final = Query(FILES, {"filename": {"$in": Given("names")}})
NEW_FILE: Final = Query(FILES, {"_id": Given("file")})
NEW_CHUNK: Final = Query(CHUNKS, {"_id": Given("chunk")})
PART: Final = Query(
    CHUNKS, {"files_id": Given("file"), "n": {"$gte": Given("first"), "$lt": Given("last")}}, sort=(("n", 1),)
)
ARTEFACT: Final = Query(ARTEFACTS, {"_id": Given("key")})
SEVERAL: Final = Query(ARTEFACTS, {"_id": {"$in": Given("keys")}})
