"""FastAPI as a server needs it: without what only its documentation, or a model of another age, would use."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.lean_imports import without


def import_framework() -> None:
    """Before anything else imports it: its models of an OpenAPI document get validators when one is asked for.

    Those of all forty took 60 ms of each start. Where it has been imported already nothing happens.
    """
    with _built_when_used():
        import fastapi  # noqa: F401


@contextmanager
def building_routes() -> Iterator[None]:
    """Around the making of routes: FastAPI looks at each shape whether it is one of pydantic's first version.

    It would import that version for it, and goes without where it is not installed: 40 ms. None of ours is one.
    """
    with without("pydantic.v1"):
        yield


@contextmanager
def _built_when_used() -> Iterator[None]:
    """What is declared in the block is built by its first use, as pydantic does it for whoever sets `defer_build`."""
    config, descriptor = BaseModel.model_config, BaseModel.__dict__["model_rebuild"]

    def rebuild(shape: type[BaseModel], /, **options: Any) -> bool | None:
        # Its module asks without any, at its end, for what refers to something further down; its first use with some.
        return descriptor.__func__(shape, **options) if options else None

    BaseModel.model_config = ConfigDict(**config, defer_build=True)
    BaseModel.model_rebuild = classmethod(rebuild)  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        BaseModel.model_config = config
        BaseModel.model_rebuild = descriptor  # type: ignore[method-assign]
