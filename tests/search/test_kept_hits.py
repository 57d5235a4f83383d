"""Hits that are kept in memory: read once, never older than the store, never too many."""

import asyncio
from collections.abc import Sequence

from search_builders import chunked

from builders import labels
from search.application.ports.live_store import HitRecord
from search.infrastructure.sqlite.kept_hits import KeptHits, Place
from shared.kernel import DocumentId


def place(number: int) -> Place:
    return DocumentId(f"document {number}"), 1, 0


class _Store:
    """Documents with an odd number are not live."""

    def __init__(self) -> None:
        self.read: list[Place] = []
        self.text = "one"
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, places: Sequence[Place]) -> Sequence[HitRecord | None]:
        self.read += places
        text = self.text
        self.is_asked.set()
        await self.may_answer.wait()
        return [self._record(one, text) for one in places]

    def _record(self, one: Place, text: str) -> HitRecord | None:
        if int(one[0].split()[1]) % 2:
            return None
        (chunk,) = chunked([text]).chunks
        return HitRecord(one[0], one[1], 1, "en", labels(), chunk, "", "")


def texts(found: Sequence[HitRecord | None]) -> list[str | None]:
    return [None if one is None else one.chunk.text for one in found]


async def test_only_what_is_not_kept_is_read() -> None:
    kept, store = KeptHits(), _Store()
    first = await kept.get([place(2), place(1), place(0)], store)
    assert [one and one.document_id for one in first] == ["document 2", None, "document 0"]
    again = await kept.get([place(0), place(4), place(2)], store)
    assert [one and one.document_id for one in again] == ["document 0", "document 4", "document 2"]
    assert store.read == [place(2), place(1), place(0), place(4)]
    # What is not live may be the next time.
    await kept.get([place(1)], store)
    assert store.read[-1] == place(1)


async def test_what_has_changed_is_read_again() -> None:
    kept, store = KeptHits(), _Store()
    await kept.get([place(0)], store)
    store.text = "two"
    kept.forget()
    assert texts(await kept.get([place(0)], store)) == ["two"]


async def test_what_was_being_read_while_something_changed_is_not_kept() -> None:
    kept, store = KeptHits(), _Store()
    store.may_answer.clear()
    reading = asyncio.create_task(kept.get([place(0)], store))
    await store.is_asked.wait()
    store.text = "two"
    kept.forget()
    store.may_answer.set()
    assert texts(await reading) == ["one"]
    assert texts(await kept.get([place(0)], store)) == ["two"]


async def test_the_newest_are_kept() -> None:
    kept, store = KeptHits(most=2), _Store()
    for number in (0, 2, 0, 4):
        await kept.get([place(number)], store)
    store.read.clear()
    await kept.get([place(0), place(4)], store)
    assert store.read == []
    await kept.get([place(2)], store)
    assert store.read == [place(2)]


async def test_who_looks_through_hundreds_and_chunks_of_a_whole_book_push_nothing_out() -> None:
    kept, store = KeptHits(), _Store()
    await kept.get([place(number) for number in range(0, 400, 2)], store)
    store.text = "book " * 10_000
    await kept.get([place(1_000)], store)
    store.read.clear()
    await kept.get([place(0), place(1_000)], store)
    assert store.read == [place(0), place(1_000)]
