"""The collections of one installation on a Qdrant server, and the aliases that say what each of them is for.

`<installation>-chunks` is the one that answers; `<installation>-chunks-next-<hash>` are those being filled, which
every process writes too. Aliases change atomically there, so they are all that processes have to agree on.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from qdrant_client import models

from search.infrastructure.qdrant.layout import INDEXES, Layout, Place, hashed
from search.infrastructure.qdrant.server import QdrantServer, Rejected
from shared.kernel import new_id, utc_now
from shared.settings import Settings
from shared.telemetry import get_log

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class Collection:
    """One that was made here; what belongs there never changes."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Standing:
    """What is what at one moment."""

    serving: Collection
    filling: tuple[Collection, ...]

    @property
    def written(self) -> tuple[Collection, ...]:
        """In the order in which they must be written (see copying.py)."""
        return (self.serving, *self.filling)

    def filled_for(self, place: Place) -> Collection | None:
        """The one that is to serve this place; the same for every process that asks."""
        return min((one for one in self.filling if one.place == place), key=lambda one: one.name, default=None)


class QdrantCollections:
    """Finds, makes and removes them."""

    def __init__(self, server: QdrantServer, settings: Settings, *, abandoned_seconds: float = 600.0) -> None:
        """What nobody has been filling for so long (ten minutes) is abandoned."""
        self.alias = f"{settings.installation}-chunks"
        self._server = server
        self._abandoned = timedelta(seconds=abandoned_seconds)
        self._layout = Layout(settings, server.name)
        self._next = re.compile(rf"{re.escape(self.alias)}-next-[0-9a-f]{{8}}")
        self._own = re.compile(rf"{re.escape(self.alias)}-[0-9a-f]{{12}}")
        self._places: dict[str, Place] = {}
        # Names of those that are being made: an attempt whose answer was lost is gone on with.
        self._beginning: dict[Place, str] = {}

    async def standing(self) -> Standing | None:
        """None while nothing serves. Raises WrongSettings where a collection is not as it was made here."""
        aliases = {one.alias_name: one.collection_name for one in (await self._aliases())}
        if self.alias not in aliases:
            return None
        serving = await self._described(aliases[self.alias])
        names = sorted({name for alias, name in aliases.items() if self._next.fullmatch(alias)} - {serving.name})
        filling = []
        for name in names:
            try:
                filling.append(await self._described(name))
            except Rejected as error:
                # Gone since.
                if not error.is_missing:
                    raise
        return Standing(serving, tuple(filling))

    async def _aliases(self) -> list[models.AliasDescription]:
        return (await self._server.call(lambda client: client.get_aliases())).aliases

    async def _described(self, name: str) -> Collection:
        if name not in self._places:
            self._places[name] = self._layout.place_of(name, await self._info(name))
        return Collection(name, self._places[name])

    async def _info(self, name: str) -> models.CollectionInfo:
        info: models.CollectionInfo = await self._server.call(lambda client: client.get_collection(name))
        return info

    async def found(self, place: Place) -> Standing:
        """What serves; if there is nothing, a collection for this place is made to serve. Safe to repeat."""
        left = [info for info in await self._unnamed() if _role(info[1]) == "serving"]
        if left:
            # Made by a process that was ended before it could name it, or is about to; or somebody took the name away.
            name = max(left, key=lambda one: _made_at(one[1]))[0]
        else:
            name = f"{self.alias}-{hashed(repr(place), 12)}"
            await self._make(name, place, "serving")
        await self._index_payload(name)
        standing = await self.standing()
        if standing is not None:
            return standing
        await self._point(self.alias, name)
        _log.info("made a collection", action="index.collection", collection=name, server=self._server.name)
        standing = await self.standing()
        if standing is None:
            raise Rejected(f"The alias {self.alias!r} at {self._server.name} was taken away again.", 404)
        return standing

    async def begin(self, place: Place) -> Collection:
        """A new collection that every process fills from now on, until it serves or is dropped."""
        # A name that nothing ever had: whoever still means to delete a former one deletes nothing else.
        name = self._beginning.setdefault(place, f"{self.alias}-{hashed(repr(place) + new_id(), 12)}")
        await self._make(name, place, "filling")
        await self._index_payload(name)
        await self._point(self._next_alias(name), name)
        del self._beginning[place]
        standing = await self.standing()
        first = None if standing is None else standing.filled_for(place)
        if first is None:
            raise Rejected(f"The collection {name!r} at {self._server.name} was taken away again.", 404)
        if first.name != name:
            # Another process began at the same moment.
            await self.drop(Collection(name, place))
        return first

    async def switch(self, former: Collection, to: Collection) -> bool:
        """From now on `to` serves; False when another process dropped it before. Safe to repeat."""
        try:
            await self._change(
                models.RenameAliasOperation(
                    rename_alias=models.RenameAlias(old_alias_name=self._next_alias(to.name), new_alias_name=self.alias)
                )
            )
        except Rejected as error:
            if not error.is_missing:
                raise
            standing = await self.standing()
            if standing is None or standing.serving != to:
                return False
        await self._note(to.name, role="serving")
        await self._note(former.name, role="former")
        return True

    async def drop(self, collection: Collection) -> None:
        """It is filled no longer, and gone. Never one that serves."""
        await self._change(
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self._next_alias(collection.name)))
        )
        await self.delete(collection.name)

    async def delete(self, name: str) -> None:
        """Unless an alias names it."""
        if name not in {one.collection_name for one in await self._aliases()}:
            await self._server.call(lambda client: client.delete_collection(name))

    async def beat(self, collection: Collection) -> None:
        """Says that somebody is filling it."""
        await self._note(collection.name, beat=utc_now().isoformat())

    async def drop_abandoned(self, standing: Standing, *, wanted: Place | None) -> None:
        """Those that nobody has been filling for long go."""
        for one in standing.filling:
            if one.place != wanted and _beat_at(await self._info(one.name)) < utc_now() - self._abandoned:
                _log.warning("dropping a move that nobody goes on with", action="index.abandoned", collection=one.name)
                await self.drop(one)

    async def sweep(self) -> None:
        """Deletes what no alias names any more, while another serves: what served before, moves that were given up."""
        for name, info in await self._unnamed():
            if _role(info) == "former" or _beat_at(info) < utc_now() - self._abandoned:
                await self.delete(name)

    async def adjust(self, collection: Collection) -> None:
        """Gives it the settings it can still be given: HNSW, quantisation, where vectors lie."""
        info = await self._info(collection.name)
        changes = self._layout.changes(collection.place, info)
        if changes:
            await self._server.call(lambda client: client.update_collection(collection.name, **changes))
            _log.info("changed a collection", action="index.adjusted", collection=collection.name, changed=[*changes])

    async def _unnamed(self) -> list[tuple[str, models.CollectionInfo]]:
        """Collections of this installation that no alias names."""
        listed = (await self._server.call(lambda client: client.get_collections())).collections
        named = {one.collection_name for one in await self._aliases()}
        found = []
        for name in (one.name for one in listed if one.name not in named and self._own.fullmatch(one.name)):
            try:
                found.append((name, await self._info(name)))
            except Rejected as error:
                if not error.is_missing:
                    raise
        return found

    async def _make(self, name: str, place: Place, role: str) -> None:
        given, now = self._layout.creation(place), utc_now().isoformat()
        given["metadata"] |= {"role": role, "made_at": now, "beat": now}
        try:
            await self._server.call(lambda client: client.create_collection(name, **given))
        except Rejected as error:
            # Another process was faster, or a former attempt that was not waited for.
            if "already exists" not in error.detail:
                raise

    async def _index_payload(self, name: str) -> None:
        """Before the first point: the graph of vectors then knows the fields that searches filter by."""
        present = (await self._info(name)).payload_schema
        for field in INDEXES.keys() - present.keys():
            await self._index_field(name, field)

    async def _index_field(self, name: str, field: str) -> None:
        schema = INDEXES[field]
        await self._server.call(lambda client: client.create_payload_index(name, field, field_schema=schema, wait=True))

    async def _point(self, alias: str, name: str) -> None:
        create = models.CreateAlias(collection_name=name, alias_name=alias)
        try:
            await self._change(models.CreateAliasOperation(create_alias=create))
        except Rejected as error:
            if error.is_missing:
                raise
            raise self._layout.changed(alias, f"its name is needed for an alias ({error.detail})") from error

    async def _change(self, operation: models.AliasOperations) -> None:
        await self._server.call(lambda client: client.update_collection_aliases([operation]))

    async def _note(self, name: str, **metadata: str) -> None:
        try:
            await self._server.call(lambda client: client.update_collection(name, metadata=metadata))
        except Rejected as error:
            # Deleted meanwhile: then it need not be known what it was.
            if not error.is_missing:
                raise

    def _next_alias(self, name: str) -> str:
        return f"{self.alias}-next-{hashed(name)}"


def _role(info: models.CollectionInfo) -> str:
    return str((info.config.metadata or {}).get("role", ""))


def _made_at(info: models.CollectionInfo) -> datetime:
    return _instant(info, "made_at")


def _beat_at(info: models.CollectionInfo) -> datetime:
    return _instant(info, "beat")


def _instant(info: models.CollectionInfo, field: str) -> datetime:
    """Now, when there is none: then it is left alone."""
    try:
        return datetime.fromisoformat(str((info.config.metadata or {})[field]))
    except (KeyError, ValueError):
        return utc_now()
