"""Which declared index serves a declared query, as MongoDB's planner would choose it; a pure rule."""

from collections.abc import Mapping, Sequence
from typing import Final

from shared.infrastructure.mongo.queries import Index, Query

_RANGES: Final = frozenset(("$gt", "$gte", "$lt", "$lte"))
_ABSENT: Final = object()


def _is_operators(condition: object) -> bool:
    return isinstance(condition, Mapping) and any(str(name).startswith("$") for name in condition)


def served_by(query: Query, indexes: Sequence[Index]) -> Index | None:
    """The first index that finds its documents, and gives their order, without reading others in between.

    That is: the filter fixes a prefix of its keys to single values, at most one more key to a range, and the
    sort goes on from there; a partial index's condition is part of the filter. `_id` always has an index.
    """
    own = Index(query.collection, (("_id", 1),), unique=True)
    for index in (own, *(one for one in indexes if one.collection == query.collection)):
        if _is_served_by(query, index):
            return index
    return None


def _is_served_by(query: Query, index: Index) -> bool:
    if index.where and not all(_implies(query, name, value) for name, value in index.where.items()):
        return False
    keys = list(index.keys)
    fixed = 0
    while fixed < len(keys) and _is_fixed(query, keys[fixed][0]):
        fixed += 1
    rest = keys[fixed:]
    if not query.sort or query.sorts_in_memory or (index.unique and fixed == len(keys)):
        return fixed > 0 or bool(rest and _is_range(query, rest[0][0]))
    # The order may begin with keys that are fixed; forwards or backwards, but the same way for all.
    wanted = [one for one in query.sort if one[0] not in {name for name, _ in keys[:fixed]}]
    found = rest[: len(wanted)]
    return found == wanted or found == [(name, -direction) for name, direction in wanted]


def _implies(query: Query, name: str, wanted: object) -> bool:
    """Whether every document that matches has this too, in a way that MongoDB's planner sees."""
    if wanted == {"$exists": True}:
        condition = query.filter.get(name, _ABSENT)
        return condition is not None and (_is_fixed(query, name) or _is_range(query, name) or condition == wanted)
    return bool(query.filter.get(name, _ABSENT) == wanted)


def _is_fixed(query: Query, name: str) -> bool:
    condition = query.filter.get(name, _ABSENT)
    if condition is _ABSENT:
        return False
    return not _is_operators(condition) or set(condition) <= {"$in", "$eq"}


def _is_range(query: Query, name: str) -> bool:
    condition = query.filter.get(name, _ABSENT)
    return _is_operators(condition) and bool(_RANGES & set(condition))
