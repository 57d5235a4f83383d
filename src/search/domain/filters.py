"""Filters: which documents and chunks a search may find. Read and checked here, once, for every index."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from search.domain.metadata_paths import is_metadata
from shared.kernel import FieldError, InvalidInput

Scalar = str | int | float | bool
_TEXT_FIELDS: Final = frozenset(("collection", "document", "name", "media_type", "language"))
_FIELDS: Final = (*sorted(_TEXT_FIELDS), "received_at", "page", "metadata.*", "and", "or", "not")
_GROUPS: Final = frozenset(("and", "or", "not"))
_DEEPEST: Final = 5
_BOUNDS: Final = ("gt", "gte", "lt", "lte")
MOST_CONDITIONS: Final = 32
_MOST_VALUES: Final = 1000
_LONGEST_VALUE: Final = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """One field is one of the values, or lies between the bounds. Instants are RFC 3339 text in UTC."""

    field: str
    any_of: tuple[Scalar, ...] = ()
    gt: float | str | None = None
    gte: float | str | None = None
    lt: float | str | None = None
    lte: float | str | None = None

    @property
    def is_range(self) -> bool:
        """Whether it has bounds rather than values."""
        return any(bound is not None for bound in (self.gt, self.gte, self.lt, self.lte))


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these holds, each whole."""

    either: "tuple[Filters, ...]"


@dataclass(frozen=True, slots=True)
class Neither:
    """None of these holds as a whole."""

    neither: "tuple[Filters, ...]"


Filters = tuple[Condition | Either | Neither, ...]
"""All of them hold."""


def parse_filters(raw: Mapping[str, Any]) -> Filters:
    """`{field: value | [any of] | {"gte": …, "lt": …}, "and": [filters …], "or": [filters …], "not": filters}`.

    All must hold. Raises InvalidInput naming each field.
    """
    errors: list[FieldError] = []
    if _count(raw) > MOST_CONDITIONS:
        raise _invalid([FieldError("filters", f"at most {MOST_CONDITIONS} fields")])
    filters = _read(raw, "filters", errors, depth=0)
    if errors:
        raise _invalid(errors)
    return filters


def filters_key(filters: Filters) -> list[Any]:
    """Plain values that name them: equal filters have equal ones."""
    return [asdict(one) for one in filters]


def _read(raw: Mapping[str, Any], path: str, errors: list[FieldError], *, depth: int) -> Filters:
    read: list[Condition | Either | Neither] = []
    for field in sorted(raw):
        place = f"{path}.{field}"
        try:
            if field not in _GROUPS:
                read.append(_condition(field, raw[field]))
                continue
            parts = _parts(field, raw[field], depth)
        except ValueError as error:
            errors.append(FieldError(place, str(error)))
            continue
        groups = [_read(part, f"{place}.{number}", errors, depth=depth + 1) for number, part in enumerate(parts)]
        match field:
            case "and":
                read.extend(one for group in groups for one in group)
            case "or":
                read.append(Either(tuple(groups)))
            case _:
                read.append(Neither(tuple(groups)))
    return tuple(read)


def _parts(field: str, value: Any, depth: int) -> Sequence[Mapping[str, Any]]:
    parts = [value] if isinstance(value, Mapping) and field == "not" else value
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(one, Mapping) and one for one in parts):
        raise ValueError("give a list of filters, none of them empty" + (", or one" if field == "not" else ""))
    if depth >= _DEEPEST:
        raise ValueError(f"at most {_DEEPEST} levels")
    return parts


def _count(raw: Any) -> int:
    """Fields in it, as far as it is what it should be; a tree that is deeper than any is refused later."""
    count, waiting = 0, [(raw, 0)]
    while waiting:
        one, depth = waiting.pop()
        for field, value in one.items():
            if field in _GROUPS and depth <= _DEEPEST:
                parts = value if isinstance(value, list | tuple) else [value]
                waiting += [(part, depth + 1) for part in parts if isinstance(part, Mapping)]
            count += 1
    return count


def _invalid(errors: list[FieldError]) -> InvalidInput:
    return InvalidInput("; ".join(f"{error.field}: {error.message}" for error in errors), errors=errors)


def _condition(field: str, value: Any) -> Condition:
    if field not in _TEXT_FIELDS and field not in ("received_at", "page") and not is_metadata(field):
        raise ValueError("there is no such field; there are " + ", ".join(_FIELDS))
    if isinstance(value, Mapping):
        return _range(field, value)
    values = value if isinstance(value, list | tuple) else [value]
    if not 0 < len(values) <= _MOST_VALUES:
        raise ValueError(f"give one to {_MOST_VALUES} values")
    return Condition(field, any_of=tuple(dict.fromkeys(_scalar(field, one) for one in values)))


def _range(field: str, bounds: Mapping[str, Any]) -> Condition:
    if field in _TEXT_FIELDS:
        raise ValueError("has no range; give a value or a list of values")
    if not bounds or not set(bounds) <= set(_BOUNDS):
        raise ValueError("a range has " + ", ".join(_BOUNDS) + " and nothing else")
    read = {name: _bound(field, bound) for name, bound in bounds.items()}
    if len({type(bound) for bound in read.values()}) > 1:
        raise ValueError("the bounds of a range are all numbers or all dates")
    return Condition(field, gt=read.get("gt"), gte=read.get("gte"), lt=read.get("lt"), lte=read.get("lte"))


def _bound(field: str, value: Any) -> float | str:
    if isinstance(value, str) and field != "page":
        return _instant(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and field != "received_at":
        return _number(value)
    raise ValueError("must be a date as in RFC 3339" if field == "received_at" else "must be a number or a date")


def _scalar(field: str, value: Any) -> Scalar:
    if field == "received_at":
        return _instant(value)
    if field == "page":
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        return value
    if field in _TEXT_FIELDS and not isinstance(value, str):
        raise ValueError("must be text")
    if isinstance(value, str):
        if len(value) > _LONGEST_VALUE:
            raise ValueError(f"at most {_LONGEST_VALUE} characters")
        return value.lower() if field in ("document", "language", "media_type") else value
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    raise ValueError("must be text, a number, true or false")


def _number(value: float) -> float:
    number = float(value) if abs(value) < 1e300 else float("inf")
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("is not a number that can be compared")
    return number


def _instant(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a date as in RFC 3339")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError("must be a date as in RFC 3339, such as 2026-01-31T00:00:00Z") from error
    try:
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("is not a date that can be compared") from error
    return instant.isoformat().replace("+00:00", "Z")
