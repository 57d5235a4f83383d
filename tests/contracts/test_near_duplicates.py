"""What every DocumentStore promises of near-duplicates; one suite for each adapter."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from document_store_builders import NOW, Stored, a_document, content, on_mongo, on_sqlite, saved

from ingest.domain.document import Document
from shared.artefacts.signature import PLACES, Signature


@pytest.fixture(
    params=[pytest.param(on_sqlite, id="sqlite"), pytest.param(on_mongo, id="mongo", marks=pytest.mark.servers)]
)
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """The adapter under test, empty."""
    opened: Callable[[Path], AbstractAsyncContextManager[Stored]] = request.param
    async with opened(tmp_path) as stored:
        yield stored


def a_signature(*, changed: int = 0, of: int = 7) -> Signature:
    """With so many places of 128 changed, all at its end."""
    places = bytes((of * place + of) % 251 for place in range(PLACES - changed))
    return Signature(places + bytes(255 - place % 4 for place in range(changed)))


async def signed(stored: Stored, name: str, signature: Signature | None, collection: str = "default") -> Document:
    document = await saved(stored, a_document(name, name, collection))
    await sign(stored, document, signature)
    return document


async def sign(stored: Stored, document: Document, signature: Signature | None) -> None:
    await stored.store.advance(
        document.id,
        lambda standing: standing.processed(
            document.version, revision=1, language=None, warnings=(), chunks_artefact="a", signature=signature
        ),
    )


async def similar(
    stored: Stored, document: Document, collections: Collection[str] | None = None, limit: int = 10
) -> list[str]:
    found = await stored.store.similar(await stored.store.load(document.id), collections=collections, limit=limit)
    return [one.document.name for one in found]


async def test_near_duplicates_are_found_the_most_similar_first_and_the_newest_of_equals(stored: Stored) -> None:
    document = await signed(stored, "one", a_signature())
    for name, changed in (("far", 64), ("near", 20), ("same", 0), ("same again", 0), ("nearly far", 38)):
        await signed(stored, name, a_signature(changed=changed))
    await signed(stored, "other", a_signature(of=11))
    await signed(stored, "short", None)
    assert await similar(stored, document) == ["same again", "same", "near", "nearly far"]
    assert await similar(stored, document, limit=2) == ["same again", "same"]
    found = await stored.store.similar(await stored.store.load(document.id), collections=None)
    assert [round(one.similarity, 2) for one in found] == [1.0, 1.0, 0.84, 0.7]
    assert found[0].document == await stored.store.load(found[0].document.id)


async def test_near_duplicates_of_other_collections_are_not_told_whatever_their_number(stored: Stored) -> None:
    document = await signed(stored, "one", a_signature(), "mine")
    await signed(stored, "mine", a_signature(), "mine")
    for number in range(120):
        await signed(stored, f"theirs {number}", a_signature(), "theirs")
    assert await similar(stored, document, ("mine",)) == ["mine"]
    assert await similar(stored, document, ()) == []
    assert len(await similar(stored, document)) == 10


async def test_a_revision_replaces_a_signature_and_a_deletion_takes_it_away(stored: Stored) -> None:
    document = await signed(stored, "one", a_signature())
    other, third = [await signed(stored, name, a_signature()) for name in ("other", "third")]
    # What search serves meanwhile still is the text that it is similar to.
    other.revise("other", content("two"), None, NOW)
    other = await saved(stored, other)
    assert await similar(stored, document) == ["third", "other"]
    await sign(stored, other, a_signature(of=11))
    assert await similar(stored, document) == ["third"]
    assert await similar(stored, other) == []
    assert third.withdraw() is not None
    third = await saved(stored, third)
    assert await similar(stored, document) == []
    await stored.store.advance(third.id, lambda standing: standing.gone(third.version))
    assert await similar(stored, document) == []
    await sign(stored, other, None)
    assert await similar(stored, other) == []
