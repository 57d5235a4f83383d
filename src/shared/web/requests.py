"""What all requests have in common: known fields only, null is "not given", and every string is text."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from shared.kernel import FieldError, InvalidInput
from shared.web.cursors import CURSOR_SCHEMA
from shared.web.shapes import Shape

CursorText = Annotated[
    str | None, Field(description="`next_cursor` of the page before.", json_schema_extra=CURSOR_SCHEMA)
]
"""Where a page begins, in a body or a query string."""


_NUMBER: Final = re.compile(r"\s*[-+]?[\d._]+(e[-+]?\d+)?\s*", re.IGNORECASE)


def _written_out(value: object) -> object:
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return value
    raise ValueError("an instant is written as 2026-03-01T12:00:00+09:00")


Instant = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""With its offset from UTC. A number is none: nobody sees whether it counts seconds or milliseconds."""

# What a schema says beside which values there are.
_REMARKS: Final = ("title", "description", "default", "examples")


class RequestFields(Shape):
    """The fields of a body or of a query string; those of a query string say in `Field` what they mean.

    Unknown ones are refused. Null in an optional field is as if it were left out: clients that write all their fields
    send it. A string with half a surrogate pair is refused with InvalidInput that names the field: it is no text, and
    nothing could store or answer it.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _as_given(cls, raw: Any) -> Any:
        refuse_broken_text(raw, "body")
        if not isinstance(raw, dict):
            return raw
        return {name: value for name, value in raw.items() if value is not None or not cls._is_optional(name)}

    @classmethod
    def _is_optional(cls, name: object) -> bool:
        field = cls.model_fields.get(name) if isinstance(name, str) else None
        return field is not None and not field.is_required()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The schema says of every optional field that it may be null."""
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        whole = handler.resolve_ref_schema(schema)
        for name, field in whole.get("properties", {}).items():
            kinds = field.get("anyOf", [])
            if cls._is_optional(name) and {"type": "null"} not in kinds:
                remarks = {key: field.pop(key) for key in _REMARKS if key in field}
                whole["properties"][name] = {"anyOf": [field, {"type": "null"}], **remarks}
        return schema


class BodyFields(RequestFields):
    """Of a JSON body, where a number is a number: `"10"` and `1` are not taken for 10 and true, as in a query."""

    model_config = ConfigDict(strict=True)


def refuse_broken_text(value: Any, *place: str) -> None:
    """Raises InvalidInput that names each string of this JSON value with half a surrogate pair in it.

    JSON can write such a half (`"\\ud83d"`), and JavaScript does when it cuts a string within an emoji.
    """
    errors = [FieldError(field, _told(text)) for field, text in _broken(value, place)]
    if errors:
        raise InvalidInput("; ".join(f"{error.field} {error.message}" for error in errors), errors=errors)


def _broken(value: Any, place: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Place and text of each; without recursion, since the depth is the sender's."""
    waiting = [(value, place)]
    while waiting:
        one, where = waiting.pop()
        if isinstance(one, str):
            if _is_broken(one):
                yield ".".join(where), one
        elif isinstance(one, dict):
            for key, inner in one.items():
                inside = (*where, shown(key))
                if _is_broken(key):
                    yield ".".join(inside), key
                waiting.append((inner, inside))
        elif isinstance(one, list):
            waiting += [(inner, (*where, str(number))) for number, inner in enumerate(one)]


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def shown(text: str) -> str:
    """The text with halves of surrogate pairs written out, so that it can be answered."""
    return text.encode("utf-8", "backslashreplace").decode()


def _told(text: str) -> str:
    at, half = next((at, one) for at, one in enumerate(text) if "\ud800" <= one <= "\udfff")
    return f"has half a surrogate pair (U+{ord(half):04X}) at place {at + 1}: a character that was cut in two"
