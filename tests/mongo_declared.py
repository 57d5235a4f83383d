"""What the stores on MongoDB declare: found by looking into every module, so that a new store is covered by itself."""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

from shared.infrastructure.mongo.queries import ANY_COLLECTION, Index, Query

SOURCE: Final = Path(__file__).resolve().parents[1] / "src"


@dataclass(frozen=True, slots=True)
class Declared:
    """One query, and the indexes that may serve it."""

    name: str
    query: Query
    indexes: tuple[Index, ...]


def mongo_files() -> list[Path]:
    """Every module's `infrastructure/mongo*.py` and `infrastructure/mongo/*.py`."""
    return sorted([*SOURCE.glob("*/infrastructure/mongo*.py"), *SOURCE.glob("*/infrastructure/mongo/[!_]*.py")])


def mongo_modules() -> list[ModuleType]:
    """What stands in them, imported."""
    files = mongo_files()
    return [importlib.import_module(".".join(file.relative_to(SOURCE).with_suffix("").parts)) for file in files]


def declared(modules: Sequence[ModuleType]) -> list[Declared]:
    """Each query of the modules once; a query of any collection knows only its own module's indexes."""
    named = tuple(index for module in modules for index in _indexes(module) if index.collection != ANY_COLLECTION)
    found: dict[int, Declared] = {}
    for module in modules:
        for name, query in _queries(module):
            indexes = _indexes(module) if query.collection == ANY_COLLECTION else named
            # Where another module imports it, the first place counts; a template's own module has its indexes.
            if id(query) not in found or any(index.collection == query.collection for index in indexes):
                found[id(query)] = Declared(f"{module.__name__}.{name}", query, tuple(indexes))
    return list(found.values())


def _queries(module: ModuleType) -> Iterator[tuple[str, Query]]:
    for name, value in vars(module).items():
        values: Sequence[object] = (value,)
        if isinstance(value, Mapping):
            values = tuple(value.values())
        elif isinstance(value, tuple | list):
            values = value
        for one in values:
            if isinstance(one, Query):
                yield name, one


def _indexes(module: ModuleType) -> tuple[Index, ...]:
    indexes: tuple[Index, ...] = tuple(getattr(module, "INDEXES", ()))
    return indexes
