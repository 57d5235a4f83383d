"""Files that Process found in a document become documents, and go when it goes.

Which they are is told with `DocumentProcessed`. Every step may come twice, or break off and come again: a part is known
by its parent, its path and its bytes, and its id is made of these and of the version that brought it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID, uuid5

from ingest.application.facts import fact_of
from ingest.application.ingestion import Ingestion
from ingest.application.ports import DocumentStore, Stale
from ingest.application.turns import Turns
from ingest.application.type_detection import media_type_of
from ingest.domain.document import Content, Document
from shared.artefacts.address import original_key
from shared.artefacts.parsed import ParsedDocument, Part
from shared.events.process import DocumentProcessed
from shared.events.search import DocumentRemoved
from shared.kernel import Clock, Damaged, DocumentId, InvalidInput, NotFound, Unsupported, utc_now
from shared.ports.storage import BlobStore, StoredBlob
from shared.settings import Settings
from shared.telemetry import get_log

_PARTS: Final = UUID("9b1c7f1e-5f0a-4a53-9d0c-7f5f7f0f4a11")
"""The name space of parts' ids."""
_HEAD: Final = 8 << 10
_AT_ONCE: Final = 64
_MOST_NAMED: Final = 5
_log = get_log("ingest")


class PartsTaking:
    """Keeps the documents below a document as its newest processed content has them."""

    def __init__(
        self,
        documents: DocumentStore,
        ingestion: Ingestion,
        blobs: BlobStore,
        settings: Settings,
        clock: Clock = utc_now,
        *,
        longest_wait_seconds: float = 60.0,
    ) -> None:
        """`longest_wait_seconds`: for others that are found below the same upload."""
        self._documents = documents
        self._ingestion = ingestion
        self._blobs = blobs
        self._settings = settings
        self._clock = clock
        self._turns = Turns(longest_wait_seconds)

    async def processed(self, event: DocumentProcessed) -> None:
        """New parts are taken in, those that are there stay, others go. Raises Unavailable."""
        with suppress(NotFound):
            parent = await self._documents.load(event.document_id)
            standing = parent.standing
            is_present = parent.status != "withdrawn" and parent.content_version == event.document_version
            if not is_present or standing.parts_version >= event.document_version:
                return
            if not event.parts and not standing.parts_version:
                return
            listed = await self._listed(event)
            if listed is not None:
                await self._take_all(parent, listed)
                return
            lost = ("The list of the files in it was lost; reprocess it to have them as documents.",)
            await self._documents.advance(parent.id, lambda it: it.parts_taken(event.document_version, lost))

    async def removed(self, event: DocumentRemoved) -> None:
        """What was found in a document goes when that is gone, should it still be there."""
        await self._ingestion.withdraw_parts(event.document_id)

    async def _listed(self, event: DocumentProcessed) -> Sequence[Part] | None:
        """None where it cannot be read."""
        if not event.parts or event.text_artefact is None:
            return ()
        try:
            raw = await self._blobs.read(event.text_artefact)
            return (await asyncio.to_thread(ParsedDocument.from_bytes, raw)).parts
        except (NotFound, Damaged, ValueError) as error:
            _log.warning("list of parts lost", action="parts.lost", document=event.document_id, error=str(error))
            return None

    async def _take_all(self, parent: Document, listed: Sequence[Part]) -> None:
        version = parent.content_version
        root = parent.id if parent.parent is None else parent.parent.root
        left_out = Counter[str]()
        named: dict[str, list[str]] = {}
        async with self._turns.turn(root):
            there = {
                (part.parent.path, part.content.sha256): part
                for part in await self._documents.parts_of(parent.id)
                if part.parent is not None
            }
            wanted = {(part.path, part.sha256): part for part in listed}
            new = [part for key, part in wanted.items() if key not in there]
            new = await self._within_limits(parent, root, new, left_out)
            enough = asyncio.Semaphore(_AT_ONCE)

            async def one(part: Part) -> None:
                async with enough:
                    reason = await self._take(parent, part, version)
                if reason is not None:
                    left_out[reason] += 1
                    named.setdefault(reason, []).append(part.path)

            async with asyncio.TaskGroup() as tasks:
                for part in new:
                    tasks.create_task(one(part))
            for key, document in there.items():
                if key not in wanted:
                    await self._ingestion.withdraw(document.id)
                elif document.status == "failed":
                    await self._ingestion.try_again(document.id)
        warnings = tuple(
            f"{reason} ({count:,})" + (f": {_some(named[reason])}." if reason in named else ".")
            for reason, count in sorted(left_out.items())
        )
        await self._documents.advance(parent.id, lambda standing: standing.parts_taken(version, warnings))
        if await self._is_gone(parent.id):
            # Withdrawn meanwhile: whoever did that may not have seen what came last.
            await self._ingestion.withdraw_parts(parent.id)

    async def _within_limits(
        self, parent: Document, root: DocumentId, new: Sequence[Part], left_out: Counter[str]
    ) -> list[Part]:
        depth = 0 if parent.parent is None else parent.parent.depth
        if new and depth >= self._settings.parts_depth:
            left_out[f"Files in files more than {self._settings.parts_depth} deep were left out"] += len(new)
            return []
        if not new:
            return []
        count, size = await self._documents.below(root)
        kept: list[Part] = []
        for part in new:
            if count >= self._settings.parts_count or size + part.size > self._settings.parts_bytes:
                left_out["Files beyond the limits for one upload were left out"] += 1
                continue
            count, size = count + 1, size + part.size
            kept.append(part)
        return kept

    async def _take(self, parent: Document, part: Part, version: int) -> str | None:
        """Why it cannot be a document, or None."""
        key = original_key(part.sha256)
        try:
            head = b"".join([piece async for piece in self._blobs.open(key, length=_HEAD)])
            blob = StoredBlob(sha256=part.sha256, size=part.size, head=head, key=key, new=False)
            media_type = await media_type_of(self._blobs, blob, part.path)
        except (Unsupported, InvalidInput):
            return "Files of types that are not read were left out"
        except (NotFound, Damaged):
            return "Files whose bytes are not there any more were left out"
        document, received = Document.receive_part(
            _id_of(parent.id, part, version),
            parent,
            part.path,
            Content(part.sha256, part.size, media_type, key),
            self._clock(),
        )
        with suppress(Stale):  # it was taken before, and may have been deleted since
            await self._documents.save(document, fact_of(document, received), expected_version=0)
        return None

    async def _is_gone(self, document_id: DocumentId) -> bool:
        try:
            return (await self._documents.load(document_id)).status == "withdrawn"
        except NotFound:
            return True


def _id_of(parent: DocumentId, part: Part, version: int) -> DocumentId:
    # The version: what went with one revision may come again with a later one, and a tombstone stays one.
    return DocumentId(str(uuid5(_PARTS, f"{parent}/{version}/{part.sha256}/{part.path}")))


def _some(names: Sequence[str]) -> str:
    shown = sorted(names)[:_MOST_NAMED]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")
