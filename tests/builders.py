"""Builders and waiting for tests: `a_document_received()`, `an_envelope()`, `eventually(...)`."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar, overload

from shared.events.envelope import Envelope, Event, wrap
from shared.events.ingest import DocumentReceived, Labels
from shared.kernel import DocumentId, new_document_id

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T]], *, timeout_seconds: float = 60, every_seconds: float = 0.01
) -> T: ...
@overload
async def eventually(condition: Callable[[], T], *, timeout_seconds: float = 60, every_seconds: float = 0.01) -> T: ...
async def eventually(
    condition: Callable[[], T | Awaitable[T]], *, timeout_seconds: float = 60, every_seconds: float = 0.01
) -> T:
    """The condition's first truthy value. An AssertionError inside counts as not yet; fails after the timeout.

    A machine that stands still for a while, or gives this process no turn, uses up no more than a second of it.
    """
    left = timeout_seconds
    last: Any = None
    while True:
        began = time.monotonic()
        try:
            last = condition()
            if inspect.isawaitable(last):
                last = await last
            if last:
                value: T = last
                return value
        except AssertionError as error:
            last = error
        if left <= 0:
            raise AssertionError(f"not true within {timeout_seconds} s; last seen: {last!r}")
        await asyncio.sleep(every_seconds)
        left -= min(time.monotonic() - began, max(1.0, every_seconds))


def labels(**changes: Any) -> Labels:
    """Labels of a small text in the default collection."""
    name = changes.pop("name", "notes.txt")
    given: dict[str, Any] = {
        "collection": "default",
        "document_name": name,
        "names": (name,),
        "media_type": "text/plain",
        "metadata": {},
        "received_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Labels(**{**given, **changes})


def a_document_received(document_id: DocumentId | None = None, version: int = 1, **changes: Any) -> DocumentReceived:
    """The first bytes of a document, unless told otherwise."""
    given: dict[str, Any] = {
        "document_id": document_id or new_document_id(),
        "document_version": version,
        "revision": 1,
        "sha256": "0" * 64,
        "size": 10,
        "labels": labels(),
    }
    return DocumentReceived(**{**given, **changes})


def an_envelope(event: Event | None = None, *, producer: str = "ingest") -> Envelope:
    """An envelope around the event, or around a fresh DocumentReceived."""
    return wrap(event or a_document_received(), producer=producer)
