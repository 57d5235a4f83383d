"""What HTTP answers with."""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Shape(BaseModel):
    """A part of an answer. What stands below a field is its description in the OpenAPI document too.

    It is read from the source when that document is asked for: `use_attribute_docstrings` reads it at each start.
    Nor are there validators before the first use: those of all shapes took a tenth of a start.
    """

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, description in cls.descriptions().items():
            # Unless the field itself has one.
            properties.get(cls.model_fields[name].alias or name, {}).setdefault("description", description)
        return schema

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Field → what stands below it, inherited fields included."""
        told: dict[str, str] = {}
        for ancestor in reversed(cls.__mro__):
            if issubclass(ancestor, Shape) and ancestor is not Shape:
                told |= _told_in(ancestor)
        return {name: text for name, text in told.items() if name in cls.model_fields}


def _told_in(shape: type[Shape]) -> dict[str, str]:
    found = _classes_of(shape.__module__).get(shape.__qualname__)
    return dict(_below_fields(found)) if found else {}


@lru_cache
def _classes_of(module: str) -> dict[str, ast.ClassDef]:
    """The classes of a module by their qualified names; none where its source is not at hand."""
    try:
        source = inspect.getsource(sys.modules[module])
    except (OSError, KeyError):
        return {}
    return dict(_classes_in(ast.parse(source), ""))


def _classes_in(node: ast.AST, outer: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ClassDef):
            yield outer + inner.name, inner
            yield from _classes_in(inner, f"{outer}{inner.name}.")
        elif isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes_in(inner, f"{outer}{inner.name}.<locals>.")


def _below_fields(shape: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(shape.body, shape.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str(text))):
                    yield field.target.id, inspect.cleandoc(text)
