"""What every ReleaseStore promises, beside its DocumentStore; one suite for each adapter."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from document_store_builders import Stored, a_document, content, on_mongo, on_sqlite, released, saved

from ingest.domain.standing import Standing


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


async def test_each_removed_document_gives_up_its_bytes_and_others_may_still_have_them(stored: Stored) -> None:
    documents = [await saved(stored, a_document("same", "a.txt", name)) for name in ("one", "two", "three")]
    for document in documents[:2]:
        document.withdraw()
        withdrawn = await saved(stored, document)
        await stored.store.advance(document.id, partial(Standing.gone, version=withdrawn.version))
    hashes = {content("same").sha256}
    gone = sorted(document.id for document in documents[:2])
    assert await released(stored, limit=1) == [(document_id, hashes) for document_id in gone]
    assert await stored.releases.referred(hashes) == hashes
    await stored.releases.forget([documents[0].id])
    assert await released(stored) == [(documents[1].id, hashes)]
    assert await stored.releases.referred([]) == frozenset()
