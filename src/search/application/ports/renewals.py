"""The store of renewals: whose vectors are of another model, and who was asked for new ones."""

from collections.abc import Sequence
from typing import Protocol

from search.application.ports.versions import DocumentVersion, LiveVersion
from shared.events.envelope import Event


class RenewalStore(Protocol):
    """Which live versions were processed for another model, and whose renewal was asked for. Beside the LiveStore."""

    async def count_outdated(self, fingerprint: str, *, most: int) -> int:
        """How many live versions were processed for another model than this; counted no further than `most`."""
        ...

    async def not_asked(self, fingerprint: str, *, limit: int) -> Sequence[LiveVersion]:
        """Some of those: the ones nobody was asked to renew for this model."""
        ...

    async def ask(self, version: DocumentVersion, fingerprint: str, *facts: Event) -> bool:
        """Keeps that the renewal of a live version was asked for, with the facts that ask, in one write.

        False, and nothing saved, when the version is not live or its renewal for this model was asked for.
        """
        ...

    async def chunks_under_way(self, fingerprint: str) -> int:
        """The chunks of what was asked for and has neither come nor failed; a document counts for one at least."""
        ...
