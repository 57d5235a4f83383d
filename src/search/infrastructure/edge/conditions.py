"""Filters as the embedded engine takes them."""

from collections.abc import Iterator
from typing import Any, Final

import qdrant_edge as edge

from search.infrastructure.points import FLAGS, flag, payload_paths

DENSE: Final = "dense"


def is_value(field: str, value: str | int | bool) -> Any:
    """One field has this value, or it is one of its values."""
    return edge.FieldCondition(field, match=edge.MatchValue(value))


def filter_of(conditions: list[dict[str, Any]], *, with_dense: bool = False, without_dense: bool = False) -> Any:
    """Of the points for which all conditions hold, those with or without a dense vector only; None: of all points."""
    must = [_condition(condition) for condition in conditions]
    if with_dense:
        must.append(edge.HasVectorCondition(DENSE))
    must_not: list[Any] | None = [edge.HasVectorCondition(DENSE)] if without_dense else None
    return edge.Filter(must=must or None, must_not=must_not) if must or must_not else None


def _condition(condition: dict[str, Any]) -> Any:
    """Of one condition, or of a group of them (domain/filters.py says what each means)."""
    if "either" in condition:
        return edge.Filter(should=_groups(condition["either"]))
    if "neither" in condition:
        return edge.Filter(must_not=_groups(condition["neither"]))
    either = [found for path in payload_paths(condition["field"]) for found in _conditions(path, condition)]
    if not either:
        return edge.HasIdCondition(set())  # none of nothing: no point at all
    return either[0] if len(either) == 1 else edge.Filter(should=either)


def _groups(parts: list[list[dict[str, Any]]]) -> list[Any]:
    return [edge.Filter(must=[_condition(one) for one in part]) for part in parts]


def _conditions(path: str, condition: dict[str, Any]) -> Iterator[Any]:
    """Of one place in the payload; one that holds is enough."""
    bounds = {name: condition[name] for name in ("gt", "gte", "lt", "lte") if condition[name] is not None}
    if bounds:
        dates = isinstance(next(iter(bounds.values())), str)
        yield edge.FieldCondition(path, range=edge.RangeDateTime(**bounds) if dates else edge.RangeFloat(**bounds))
        return
    texts = [value for value in condition["any_of"] if isinstance(value, str)]
    if condition["field"] == "received_at":
        for value in texts:
            yield edge.FieldCondition(path, range=edge.RangeDateTime(gte=value, lte=value))
    elif texts:
        yield edge.FieldCondition(path, match=edge.MatchAny(texts))
    for value in condition["any_of"]:
        if isinstance(value, bool):
            yield is_value(FLAGS, flag(condition["field"], value))
        elif isinstance(value, int | float):
            # 3 and 3.0 are the same number.
            yield edge.FieldCondition(path, range=edge.RangeFloat(gte=value, lte=value))
