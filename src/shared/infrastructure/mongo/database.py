"""The one door to MongoDB: the client, its collections, and what its errors mean. Nothing else imports a driver."""

import asyncio
import os
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, Self, TypeVar

# Read as motor is imported. By default five for each core: ten calls to a slow server, and everybody else waited.
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")

from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import DeleteMany, DeleteOne, IndexModel, InsertOne, ReturnDocument, UpdateMany, UpdateOne, errors
from pymongo.read_concern import ReadConcern

from shared.infrastructure.mongo.meanings import (
    DUPLICATE,
    IMMUTABLE,
    NO_SUCH_PATH,
    NOT_PRIMARY,
    Duplicate,
    first_code,
    first_line,
    index_of,
    meaning_of,
    of_another,
    shown,
    wrong_url,
)
from shared.infrastructure.mongo.probing import PROBES, standing_of, write_and_read
from shared.infrastructure.mongo.queries import Delete, Filter, Given, Index, Insert, Query, Row, Update, telling
from shared.kernel import Unavailable, utc_now
from shared.ports.health import ComponentHealth
from shared.runtime.resilience import Remotes
from shared.runtime.round_trip import RoundTrip
from shared.settings import Settings, WrongSettings
from shared.telemetry import get_log

__all__ = ["Delete", "Duplicate", "Insert", "MongoCollection", "MongoDatabase", "Update"]

T = TypeVar("T")

_LARGEST_BATCH: Final = 1000
# What a bulk says of an update that did not come about by itself (see `telling`).
_NOT_DONE: Final = frozenset((DUPLICATE, NO_SUCH_PATH, IMMUTABLE))
_INSTALLATION: Final = "installation"
OWNER: Final = Query(_INSTALLATION, {"_id": Given("id")})
_log = get_log("mongodb")


class MongoDatabase:
    """An async context manager, shared by every store of the process.

    Writes are on the majority's disks when they return (`w=majority, j=true`); every call ends within
    `server_timeout_seconds`, or twice that while declared indexes are made: before the first one, and after an absence.
    """

    def __init__(self, settings: Settings, remotes: Remotes, *, clocks_agree_seconds: float = 1.0) -> None:
        """Reads nothing and connects to nothing."""
        self.url = settings.store_url
        self._shown = shown(settings.store_url)
        self._where = f"MongoDB ({self._shown}, SEOGA_STORE_URL)"
        self._settings = settings
        self._guard = remotes.guard("mongodb", where=self._where)
        self._indexes: list[Index] = []
        self._identity: dict[str, str] = {}
        # Closer than that, the clocks of machines need no help: time servers keep them within milliseconds.
        self._clocks_agree_seconds = clocks_agree_seconds
        # What there is to prepare has a number, which rises when something is declared, or lost by the server.
        self._wanted = 1
        self._prepared = 0
        self._preparing: asyncio.Task[None] | None = None
        self._ahead = timedelta()
        self._round_trip = RoundTrip(lambda: write_and_read(self.collection(PROBES)))
        self._client: Any = None
        self._database: Any = None

    @property
    def name(self) -> str:
        """Of the database: the one that the URL names, else the installation's."""
        return str(self._database.name)

    def now(self) -> datetime:
        """The present instant by the server's clock (UTC), so that machines with wrong clocks agree on leases."""
        return utc_now() + self._ahead

    def declare(self, *indexes: Index) -> None:
        """Called by stores as they are made; the indexes are made before the next call."""
        fresh = [index for index in indexes if index not in self._indexes]
        self._indexes.extend(fresh)
        self._wanted += bool(fresh)

    async def claim(self, identity: Mapping[str, str]) -> None:
        """Says whose database this is: `installation`, and what else must be the same for all its processes.

        The first to say so is the owner. Raises WrongSettings when another installation is; while the server is
        away nothing, then every call is Unavailable for that reason once it is back.
        """
        self._identity = dict(identity)
        self._wanted += 1
        try:
            await self._prepare()
        except Unavailable as error:
            _log.warning("whose database this is will be asked later", action="mongodb.wait", reason=error.detail)

    def collection(self, name: str) -> "MongoCollection":
        """A door to one collection; costs nothing."""
        return MongoCollection(self, name)

    async def __aenter__(self) -> Self:
        # Before the guard's, so that the driver's own words are heard.
        timeout = max(1, int(self._settings.server_timeout_seconds * 900))
        options: Row = {
            "timeoutMS": timeout,
            "serverSelectionTimeoutMS": timeout,
            "connectTimeoutMS": timeout,
            "appname": "seoga",
            "w": "majority",
            "journal": True,
        }
        if self._settings.tls_ca_file is not None:
            options["tlsCAFile"] = str(self._settings.tls_ca_file)
        try:
            with warnings.catch_warnings():
                # A misspelt option in the URL, which would be left out.
                warnings.simplefilter("error", UserWarning)
                self._client = AsyncIOMotorClient(self.url, **options)
            self._database = self._client.get_default_database(default=self._settings.installation).with_options(
                codec_options=CodecOptions(tz_aware=True, uuid_representation=UuidRepresentation.STANDARD),
                # What could still be rolled back is not seen: a number of the index must not be given out twice.
                read_concern=ReadConcern("majority"),
            )
        except (errors.ConfigurationError, errors.InvalidURI, ValueError, OSError, UserWarning) as error:
            raise WrongSettings(f"SEOGA_STORE_URL was {self._shown!r}: {wrong_url(self.url, error)}") from error
        try:
            await self._prepare()
        except Unavailable as error:
            if error.specific_code in ("wrong_credentials", "not_allowed"):
                self._client.close()
                raise WrongSettings(error.detail) from error
            _log.warning("MongoDB is away; Seoga waits for it", action="mongodb.wait", reason=error.detail)
        except BaseException:
            self._client.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._preparing is not None:
            self._preparing.cancel()
            await asyncio.gather(self._preparing, return_exceptions=True)
        self._client.close()

    async def call(self, make_call: Callable[[Any], Awaitable[T]], *, idempotent: bool) -> T:
        """What the driver's database gives, guarded, its errors translated; indexes are there before.

        Raises Unavailable, StorageFull, Duplicate.
        """
        if self._prepared != self._wanted:
            try:
                await self._prepare_in_time()
            except WrongSettings as error:
                # Known only now because the server was away: nothing that is handled now is to blame for it.
                raise Unavailable(error.detail, code=error.specific_code) from error
        return await self._guarded(make_call, idempotent=idempotent)

    async def check(self) -> ComponentHealth:
        """For health: whether it takes writes now, and gives them back. Raises Unavailable, StorageFull."""
        health = standing_of(await self.call(self._greeted, idempotent=True), self._where, self._shown)
        if health.ready:
            await self._round_trip.look()
        return health

    async def drop(self) -> None:
        """Deletes the whole database."""
        await self._guarded(lambda database: database.client.drop_database(database.name), idempotent=True)

    async def _prepare(self) -> None:
        """Returns when everything is there that was wanted as it was called; who waits together fails together."""
        while self._prepared != self._wanted:
            if self._preparing is None or self._preparing.done():
                self._preparing = asyncio.create_task(self._make_ready(self._wanted), name="mongodb.prepare")
            await asyncio.shield(self._preparing)

    async def _prepare_in_time(self) -> None:
        """It goes on for the next caller when this one has waited as long as for an answer. Raises Unavailable."""
        seconds = self._settings.server_timeout_seconds
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._prepare()
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Unavailable(f"{self._where} was not made ready within {seconds:.3g} s.", code="timeout") from error

    async def _make_ready(self, wanted: int) -> None:
        await self._guarded(self._greeted, idempotent=True)
        await self._compare_identity()
        by_collection: dict[str, list[Index]] = {}
        for index in self._indexes:
            by_collection.setdefault(index.collection, []).append(index)
        # Side by side: everyone waits, and a slow server would be waited for once for each.
        await asyncio.gather(*(self._create_indexes(name, indexes) for name, indexes in by_collection.items()))
        # Last: who comes meanwhile waits. What is declared or lost meanwhile has a number of its own.
        self._prepared = wanted

    async def _create_indexes(self, collection: str, indexes: Sequence[Index]) -> None:
        models = [_model(index) for index in indexes]
        await self._guarded(lambda database: database[collection].create_indexes(models), idempotent=True)

    async def _compare_identity(self) -> None:
        mine = self._identity
        if not mine:
            return
        wanted = OWNER.filled({"id": _INSTALLATION})
        # An upsert that changes nothing of what is there: of two that come first, one finds the other's.
        change = {"$setOnInsert": mine}
        try:
            stored: Row = await self._guarded(
                lambda database: database[_INSTALLATION].find_one_and_update(
                    wanted, change, upsert=True, return_document=ReturnDocument.AFTER
                ),
                idempotent=True,
            )
        except Duplicate:
            stored = await self._guarded(lambda database: database[_INSTALLATION].find_one(wanted), idempotent=True)
        if theirs := {name: str(stored[name]) for name in mine if str(stored.get(name, mine[name])) != mine[name]}:
            raise WrongSettings(of_another(self._shown, self.name, {name: mine[name] for name in theirs}, theirs))

    async def _greeted(self, database: Any) -> Row:
        """The server's greeting; its clock is read on the way."""
        asked_at, started = utc_now(), time.monotonic()
        # By its older name, which every version knows.
        hello: Row = await database.command("isMaster", codec_options=database.codec_options)
        if isinstance(told := hello.get("localTime"), datetime):
            ahead = told - asked_at - timedelta(seconds=(time.monotonic() - started) / 2)
            self._ahead = ahead if abs(ahead.total_seconds()) > self._clocks_agree_seconds else timedelta()
        return hello

    async def _guarded(self, make_call: Callable[[Any], Awaitable[T]], *, idempotent: bool) -> T:
        async def attempt() -> T:
            with self._translated():
                return await make_call(self._database)

        return await self._guard.call(attempt, idempotent=idempotent)

    @contextmanager
    def _translated(self) -> Any:
        where = self._where
        try:
            yield
        except errors.DuplicateKeyError as error:
            raise Duplicate(f"{where} refused a second {index_of(error.details)}.") from error
        except errors.BulkWriteError as error:
            raise meaning_of(where, first_code(error.details), first_line(error)) from error
        except errors.OperationFailure as error:
            late = isinstance(error, errors.WTimeoutError | errors.ExecutionTimeout)
            raise meaning_of(where, error.code, first_line(error), late=late) from error
        except errors.NotPrimaryError as error:
            raise meaning_of(where, NOT_PRIMARY, first_line(error)) from error
        except (errors.ServerSelectionTimeoutError, errors.ConnectionFailure) as error:
            # It may come back with an empty disk, or as another server. One that only is late has gone nowhere.
            if isinstance(error, errors.ServerSelectionTimeoutError) or not error.timeout:
                self._wanted += 1
            raise Unavailable(f"{where} cannot be reached: {first_line(error)}") from error
        except errors.PyMongoError as error:
            raise Unavailable(f"{where} failed: {first_line(error)}") from error


class MongoCollection:
    """One collection, asked by declared queries only. For what each raises see `MongoDatabase.call`.

    Reads are tried again when they fail. Writes are not: one whose outcome is unknown may have happened.
    """

    def __init__(self, database: MongoDatabase, name: str) -> None:
        self._database = database
        self.name = name
        self._driven: Any = None

    async def find_one(self, query: Query, *, fields: Filter | None = None, **values: Any) -> Row | None:
        """The first that matches, in the query's order."""
        wanted, sort = query.filled(values), list(query.sort) or None
        return await self._call(lambda it: it.find_one(wanted, fields, sort=sort), query, idempotent=True)

    async def find(
        self, query: Query, *, limit: int = 0, fields: Filter | None = None, also: Filter | None = None, **values: Any
    ) -> list[Row]:
        """All that match, in the query's order; `limit` 0 is all, `also` narrows further."""
        wanted, sort = query.filled(values, also), list(query.sort) or None
        return await self._call(
            lambda it: it.find(wanted, fields, sort=sort, limit=limit, batch_size=_LARGEST_BATCH).to_list(None),
            query,
            idempotent=True,
        )

    async def count(self, query: Query, *, most: int | None = None, also: Filter | None = None, **values: Any) -> int:
        """How many match, counted no further than `most`."""
        wanted = query.filled(values, also)
        limit = {} if most is None else {"limit": max(1, most)}
        return await self._call(lambda it: it.count_documents(wanted, **limit), query, idempotent=True)

    async def aggregate(
        self, query: Query, stages: Sequence[Row], *, also: Filter | None = None, **values: Any
    ) -> list[Row]:
        """A pipeline over what matches."""
        pipeline = [{"$match": query.filled(values, also)}, *stages]
        return await self._call(lambda it: it.aggregate(pipeline).to_list(None), query, idempotent=True)

    async def insert(self, row: Row) -> None:
        """Raises Duplicate."""
        await self._call(lambda it: it.insert_one(row), None, idempotent=False)

    async def update(
        self, query: Query, change: Row, *, upsert: bool = False, many: bool = False, **values: Any
    ) -> bool:
        """Whether any matched, or was inserted. Raises Duplicate (also when two upserts race: try again then)."""
        done: Any = await self._call(
            lambda it: (it.update_many if many else it.update_one)(query.filled(values), change, upsert=upsert),
            query,
            idempotent=False,
        )
        return bool(done.matched_count or done.upserted_id is not None)

    async def take(
        self, query: Query, change: Row, *, upsert: bool = False, before: bool = False, fields: Filter | None = None,
        **values: Any,
    ) -> Row | None:  # fmt: skip
        """Changes the first that matches, in the query's order, and gives it as it is after (or was before)."""
        wanted, sort = query.filled(values), list(query.sort) or None
        which = ReturnDocument.BEFORE if before else ReturnDocument.AFTER
        return await self._call(
            lambda it: it.find_one_and_update(wanted, change, fields, sort=sort, upsert=upsert, return_document=which),
            query,
            idempotent=False,
        )

    async def delete(self, query: Query, *, many: bool = False, **values: Any) -> int:
        """How many are gone."""
        done: Any = await self._call(
            lambda it: (it.delete_many if many else it.delete_one)(query.filled(values)), query, idempotent=False
        )
        return int(done.deleted_count)

    async def write(self, *operations: Insert | Update | Delete, ordered: bool = True) -> int:
        """How many documents matched, were inserted or deleted. `ordered`: the first that fails ends it.

        Several writes in one call, not atomic together. Raises Duplicate.
        """
        if not operations:
            return 0
        requests = [_request(operation) for operation in operations]
        done: Any = await self._call(lambda it: it.bulk_write(requests, ordered=ordered), None, idempotent=False)
        return int(done.matched_count + done.inserted_count + done.deleted_count + done.upserted_count)

    async def write_each(self, operations: Sequence[Insert | Update]) -> list[bool]:
        """Several writes in one call, each for itself: which were done; others met a duplicate, or matched nothing."""
        requests = [_request(telling(operation)) for operation in operations]

        async def make_call(collection: Any) -> frozenset[int]:
            try:
                await collection.bulk_write(requests, ordered=False)
            except errors.BulkWriteError as error:
                refused, late = error.details["writeErrors"], error.details["writeConcernErrors"]
                if late or any(one["code"] not in _NOT_DONE for one in refused):
                    raise
                return frozenset(one["index"] for one in refused)
            return frozenset()

        refused = await self._call(make_call, None, idempotent=False)
        return [place not in refused for place in range(len(requests))]

    async def _call(self, make_call: Callable[[Any], Awaitable[T]], query: Query | None, *, idempotent: bool) -> T:
        if query is not None and query.collection != self.name:
            raise ValueError(f"A query of {query.collection} was asked of {self.name}.")
        return await self._database.call(lambda database: make_call(self._of(database)), idempotent=idempotent)

    def _of(self, database: Any) -> Any:
        """The driver's own collection, which costs about as much to make as a call."""
        if self._driven is None or self._driven.database is not database:
            self._driven = database[self.name]
        return self._driven


def _request(operation: Insert | Update | Delete) -> Any:
    if isinstance(operation, Insert):
        return InsertOne(operation.row)
    wanted = operation.query.filled(operation.values)
    if isinstance(operation, Delete):
        return (DeleteMany if operation.many else DeleteOne)(wanted)
    kind = UpdateMany if operation.many else UpdateOne
    return kind(wanted, operation.change, upsert=operation.upsert)


def _model(index: Index) -> IndexModel:
    return IndexModel(list(index.keys), **index.options)
