"""The last questions of a session, kept at hand for the next one: under a keyed hash, never under a text or an id."""

import hmac
import json
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from search.chat.application.ports.history import ChatHistory
from search.chat.domain.asking import Turn
from search.chat.domain.conversation import turns_of
from shared.ports.storage import Cache

MOST_TURNS: Final = 6
_TTL_SECONDS: Final = 3600
_LONGEST: Final = 20_000


class RecentTurns:
    """Reads them from the history, and for an hour from the cache.

    The secret is this process's own. So where several processes write one history nothing is kept at hand: another's
    questions would be missing.
    """

    def __init__(self, cache: Cache, secret: bytes | None = None) -> None:
        self._cache = cache
        self._secret = secret or secrets.token_bytes(32)

    async def of(self, session: str, owner: str, history: ChatHistory) -> tuple[Turn, ...]:
        """In order, at most `MOST_TURNS`. Raises NotFound where the owner has no such session, Unavailable."""
        key = self.key_of(session, owner)
        kept = None if history.is_shared else await self._cache.get(key)
        if kept is not None:
            return tuple(Turn(*one) for one in json.loads(kept))
        turns = turns_of(await history.last_messages(session, owner, limit=MOST_TURNS))
        if not history.is_shared:
            await self._put(key, turns)
        return turns

    async def forget(self, session: str, owner: str) -> None:
        """It has another question, or is gone."""
        await self._cache.drop(self.key_of(session, owner))

    def key_of(self, session: str, owner: str) -> str:
        """HMAC-SHA-256, as hexadecimal digits."""
        return "chat-" + hmac.new(self._secret, f"{owner} {session}".encode(), sha256).hexdigest()

    async def _put(self, key: str, turns: Sequence[Turn]) -> None:
        value = json.dumps([(turn.question, turn.answer) for turn in turns]).encode()
        if len(value) <= _LONGEST:
            await self._cache.put(key, value, ttl_seconds=_TTL_SECONDS, tag=key)
