"""Sessions of browsers: a key is exchanged once for a cookie that no script reads, and each change needs a token.

Nothing is stored. A session shows a secret that is derived of its key, and its end is signed with the key's own digest
(HMAC-SHA-256). So who reads the digests that are kept can open none, who finds a cookie cannot make it last longer, and
it holds in every process and after a restart, and ends when its key is withdrawn.
"""

import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Final

from shared.ports.api_keys import KeyDigests
from shared.web.key_digests import digests_of, session_digest, session_secret

COOKIE: Final = "seoga_session"
CSRF_HEADER: Final = "X-CSRF-Token"
SESSION_SECONDS: Final = 12 * 3600
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
_LONGEST: Final = 256


def open_session(key: str, now: Callable[[], float] = time.time) -> str:
    """What the cookie holds: the key's session secret, when it ends (Unix seconds), chance, and the proof."""
    told = f"{session_secret(key)}.{int(now()) + SESSION_SECONDS}.{secrets.token_urlsafe(12)}"
    return f"{told}.{_proof(digests_of(key), 'session', told)}"


def key_of_session(session: str, keys: Iterable[KeyDigests], now: Callable[[], float] = time.time) -> KeyDigests | None:
    """Of the key it was opened with; None where it is over, no session, or its key is not among these any more."""
    told, _, proof = session.rpartition(".")
    parts = told.split(".")
    if len(session) > _LONGEST or not session.isascii() or len(parts) != 3 or not parts[1].isdigit():
        return None
    if int(parts[1]) <= now():
        return None
    shown = session_digest(parts[0])
    for key in keys:
        if hmac.compare_digest(key.session, shown) and hmac.compare_digest(_proof(key, "session", told), proof):
            return key
    return None


def csrf_token(key: KeyDigests, session: str) -> str:
    """What a page of this server is told, and one of elsewhere cannot read."""
    return _proof(key, "csrf", session)


def _proof(key: KeyDigests, purpose: str, told: str) -> str:
    return hmac.new(key.key.encode(), f"{purpose} {told}".encode(), sha256).hexdigest()
