"""The store of the lexicon: one for the whole installation."""

from typing import NamedTuple, Protocol

from search.domain.lexicon import Lexicon


class KeptLexicon(NamedTuple):
    """A lexicon, and how often there has been another one before: 0 is the empty one of the beginning."""

    version: int
    lexicon: Lexicon


class LexiconStore(Protocol):
    """What was written last counts, in every process at once."""

    async def version(self) -> int:
        """Of the lexicon that counts now; made to be asked for with every search."""
        ...

    async def read(self) -> KeptLexicon:
        """The one that counts now."""
        ...

    async def write(self, lexicon: Lexicon, *, after: int | None = None) -> int | None:
        """Durable on return; its version. None, and nothing written, unless `after` (if given) counts now."""
        ...
