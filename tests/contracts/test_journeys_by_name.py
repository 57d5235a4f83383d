"""What every JourneyStore promises of journeys that are looked for by name; one suite for each adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from journey_store_builders import AT, Stores, a_step, labels, listed, on_mongo, on_sqlite

from monitor.application.ports import JourneyQuery, JourneyStore, folded
from monitor.domain.journey import UNFINISHED, StepKind
from shared.kernel import new_document_id


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JourneyStore]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stores]] = request.param
    async with opened(tmp_path) as stores:
        yield stores.one


async def test_finds_by_the_words_of_names_and_by_how_an_id_begins(store: JourneyStore) -> None:
    names = ("2026/관세율표 Notes.pdf", "NOTES (old) 100%_a.*.txt", "Élan.docx", "관세율표 2025.pdf", "b.txt", "c.txt")
    documents = [new_document_id() for _ in names]
    for number, (document, name) in enumerate(zip(documents, names, strict=True)):
        await store.add(document, 1, a_step(StepKind.RECEIVED, number), labels(document, 1, name=name))
    await store.label(labels(documents[4], 2, name="renamed.txt"))
    await store.label(labels(documents[5], 2, name=None))

    async def found(*words: str, **query: Any) -> list[int]:
        rows = await listed(store, JourneyQuery(words=tuple(folded(word) for word in words), **query))
        return [documents.index(document) for document, _, _ in rows]

    assert await found("관세율표") == [3, 0]
    assert await found("notes", "2026") == [0]
    assert await found("ÉLAN") == [2]
    assert await found("100%_a.*") == [1]
    assert await found("(") == [1]
    assert await found("nowhere") == await found("c.txt") == await found("notes", "b.txt") == []
    assert await found("renamed") == [4]
    assert await found(documents[2][:12]) == [2]
    assert await found(documents[2][:12], "élan") == await found(documents[2][4:16]) == []
    assert await found(documents[2][:3]) in ([], [2])
    silent = {"states": UNFINISHED, "silent_since": AT + timedelta(seconds=2)}
    assert await found("notes", **silent) == [1, 0]
    assert await found("notes", collections=frozenset("other")) == []
    assert await found("notes", not_waiting_for=frozenset(("process",))) == []
    first = await store.newest(JourneyQuery(words=("관세율표",)), after=None, limit=1)
    ((_, second),) = await store.newest(JourneyQuery(words=("관세율표",)), after=first[0][0], limit=5)
    assert second.journey.document_id == documents[0]
