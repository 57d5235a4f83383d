"""The promises of LexiconStore, on every adapter."""

from live_store_builders import OpenSearchStore

from search.application.ports.lexicons import KeptLexicon
from search.domain.lexicon import Lexicon

ONE = Lexicon((("노트북", "laptop"), ("a", "b", "c d")), ("전자통관",))
OTHER = Lexicon((), ("다른",))


async def test_the_first_is_empty_and_what_was_written_last_counts_after_a_restart(
    open_search_store: OpenSearchStore,
) -> None:
    async with open_search_store() as store:
        assert await store.lexicons.read() == KeptLexicon(0, Lexicon())
        assert await store.lexicons.write(ONE) == 1
        assert await store.lexicons.version() == 1
        assert await store.lexicons.read() == KeptLexicon(1, ONE)
        assert await store.lexicons.write(OTHER) == 2
    async with open_search_store() as store:
        assert await store.lexicons.version() == 2
        assert await store.lexicons.read() == KeptLexicon(2, OTHER)


async def test_who_has_not_seen_the_newest_changes_nothing(open_search_store: OpenSearchStore) -> None:
    async with open_search_store() as store:
        assert await store.lexicons.write(ONE, after=3) is None
        assert await store.lexicons.write(ONE, after=0) == 1
        assert await store.lexicons.write(OTHER, after=0) is None
        assert await store.lexicons.read() == KeptLexicon(1, ONE)
        assert await store.lexicons.write(OTHER, after=1) == 2
