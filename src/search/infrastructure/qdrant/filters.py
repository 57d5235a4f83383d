"""Filters of a search as Qdrant's server takes them; the same matches as the embedded index (edge/shard.py) finds."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from qdrant_client import models

from search.application.ports.versions import DocumentVersion
from search.domain.filters import Condition, Either, Filters, Neither
from search.infrastructure.points import FLAGS, flag, payload_paths


def is_value(field: str, value: str | int) -> models.FieldCondition:
    """Of a field at the top of the payload."""
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def of_versions(versions: Sequence[DocumentVersion]) -> models.Filter:
    """All points of each (document, version)."""
    return models.Filter(
        should=[
            models.Filter(must=[is_value("document", document), is_value("version", version)])
            for document, version in versions
        ]
    )


def having(filters: Filters, *, vector: str | None = None, without_vector: str | None = None) -> models.Filter | None:
    """All conditions hold, and the point has a vector of that name or has none of it. None: every point."""
    must: list[Any] = [_condition(condition) for condition in filters]
    if vector is not None:
        must.append(models.HasVectorCondition(has_vector=vector))
    must_not: list[Any] | None = None
    if without_vector is not None:
        must_not = [models.HasVectorCondition(has_vector=without_vector)]
    return models.Filter(must=must or None, must_not=must_not) if must or must_not else None


def _condition(condition: Condition | Either | Neither) -> Any:
    match condition:
        case Either(parts):
            return models.Filter(should=[models.Filter(must=[_condition(one) for one in part]) for part in parts])
        case Neither(parts):
            return models.Filter(must_not=[models.Filter(must=[_condition(one) for one in part]) for part in parts])
    either = [found for path in payload_paths(condition.field) for found in _conditions(path, condition)]
    if not either:
        return models.HasIdCondition(has_id=[])  # none of nothing: no point at all
    return either[0] if len(either) == 1 else models.Filter(should=either)


def _conditions(path: str, condition: Condition) -> Iterator[Any]:
    """Of one place in the payload; one that holds is enough."""
    if condition.is_range:
        yield _range(path, condition)
        return
    texts = [value for value in condition.any_of if isinstance(value, str)]
    if condition.field == "received_at":
        for text in texts:
            instant = datetime.fromisoformat(text)
            yield models.FieldCondition(key=path, range=models.DatetimeRange(gte=instant, lte=instant))
    elif texts:
        yield models.FieldCondition(key=path, match=models.MatchAny(any=texts))
    for value in condition.any_of:
        if isinstance(value, bool):
            yield is_value(FLAGS, flag(condition.field, value))
        elif isinstance(value, int | float):
            # 3 and 3.0 are the same number.
            yield models.FieldCondition(key=path, range=models.Range(gte=value, lte=value))


def _range(path: str, condition: Condition) -> models.FieldCondition:
    bounds = {name: getattr(condition, name) for name in ("gt", "gte", "lt", "lte")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if isinstance(next(iter(given.values())), str):
        instants = {name: datetime.fromisoformat(bound) for name, bound in given.items()}
        return models.FieldCondition(key=path, range=models.DatetimeRange(**instants))
    return models.FieldCondition(key=path, range=models.Range(**given))
