"""How a store on MongoDB says what it asks and by which indexes: declared as data, so that tests can compare them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

Row = dict[str, Any]
Filter = Mapping[str, Any]
Keys = tuple[tuple[str, int], ...]
"""Field and direction (1 rising, -1 falling), in the order of the index or of the sort."""

_NOTHING_MATCHES: Final = {"$setOnInsert": {"_id.none": 1}}
ANY_COLLECTION: Final = "*"
"""Of an Index or a Query that many collections have; `of` gives each its own."""


@dataclass(frozen=True, slots=True)
class Given:
    """Stands in a Query for a value that each call gives by this name."""

    name: str


@dataclass(frozen=True)
class Index:
    """One index of a collection; stands beside the queries that need it."""

    collection: str
    keys: Keys
    unique: bool = False
    where: Filter | None = None
    """Only documents that match are in it (a partial index); a query must say the same to use it."""
    expire_after_seconds: int | None = None
    """Documents vanish so long after the instant in the (only) key."""

    @property
    def name(self) -> str:
        """As MongoDB names it by itself."""
        return "_".join(f"{name}_{direction}" for name, direction in self.keys)

    @property
    def options(self) -> Row:
        """As `createIndexes` takes them."""
        options: Row = {"name": self.name, "unique": self.unique}
        if self.where == {self.keys[0][0]: {"$exists": True}} and len(self.keys) == 1:
            # The same in fewer words, which every server understands: mongo-java-server 1.47 leaves in a partial
            # index what does not match any more, as null, and of a unique one no second document may do so.
            options["sparse"] = True
        elif self.where:
            options["partialFilterExpression"] = dict(self.where)
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return options

    def of(self, collection: str) -> "Index":
        """The same of another collection."""
        return replace(self, collection=collection)


@dataclass(frozen=True)
class Query:
    """What is asked of one collection: the door takes nothing else, so every question is declared somewhere."""

    collection: str
    filter: Filter
    """Values are constants or Given."""
    sort: Keys = ()
    scans: str = ""
    """Why it may read the whole collection; empty: an index must serve it."""
    sorts_in_memory: str = ""
    """Why its sort needs no index; empty: the index that serves it must give the order too."""
    sample: Filter = field(default_factory=dict)
    """Values for its Given, to explain it; others are explained with a word."""

    def filled(self, values: Mapping[str, Any], also: Filter | None = None) -> Row:
        """The filter with the call's values; `also` limits further. Raises KeyError when a value is missing."""
        filled: Row = _filled(self.filter, values)
        return {"$and": [filled, dict(also)]} if also else filled

    def of(self, collection: str) -> "Query":
        """The same of another collection."""
        return replace(self, collection=collection)

    @property
    def given(self) -> frozenset[str]:
        """The names of what each call gives."""
        return frozenset(_names(self.filter))


@dataclass(frozen=True, slots=True)
class Insert:
    """Of `MongoCollection.write`."""

    row: Row


@dataclass(frozen=True, slots=True)
class Update:
    """Of `MongoCollection.write`."""

    query: Query
    change: Row
    values: Mapping[str, Any] = field(default_factory=dict)
    upsert: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Of `MongoCollection.write`."""

    query: Query
    values: Mapping[str, Any] = field(default_factory=dict)
    many: bool = False


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(template, Given):
        return values[template.name]
    if isinstance(template, Mapping):
        return {name: _filled(value, values) for name, value in template.items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in template]
    return template


def _names(template: Any) -> list[str]:
    if isinstance(template, Given):
        return [template.name]
    if isinstance(template, Mapping):
        return [name for value in template.values() for name in _names(value)]
    if isinstance(template, list | tuple):
        return [name for value in template for name in _names(value)]
    return []


def telling(operation: Insert | Update) -> Insert | Update:
    """A bulk says only of what fails which it was: so an update fails where there is nothing that it matches.

    It would have to insert a row then, with a path that the new row's `_id` (not a document) cannot have.
    """
    if isinstance(operation, Insert) or operation.upsert:
        return operation
    return Update(operation.query, {**operation.change, **_NOTHING_MATCHES}, operation.values, upsert=True)
