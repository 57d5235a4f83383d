"""Kiwi's child as its parent holds it: started by the first Hangul, asked, replaced when it is late or gone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from search.infrastructure.kiwi.morphology import Morpheme, Morphology
from shared.kernel import Unavailable
from shared.runtime.backoff import Backoff
from shared.runtime.children import ChildEnded, ChildError, ChildLate, ChildLimits, ChildProcess
from shared.telemetry import get_log

_MODULE: Final = "search.infrastructure.kiwi.process"
_SLICE: Final = 4
"""Texts that are taken apart in one call, 10 to 20 ms of work: a query waits for one call at most."""

_log = get_log("search")


@dataclass(frozen=True, slots=True)
class KiwiTimes:
    """How long the child is waited for, and left alone."""

    first_seconds: float = 30.0
    """Who waits for a child that is being loaded waits so long."""
    query_seconds: float = 2.0
    """And so long for one that has been."""
    texts_seconds: float = 30.0
    """The same for the sentences of an answer."""
    load_seconds: float = 120.0
    """Loading takes 1.4 s. A child that takes longer than this is killed."""
    call_seconds: float = 10.0
    """The same for what it is asked then."""
    first_pause_seconds: float = 0.5
    """After the first loading that failed; each further one doubles it."""
    longest_pause_seconds: float = 30.0
    close_seconds: float = 2.0
    """For an idle child to end; then it is killed, as it has nothing to lose."""


class KiwiChild(Morphology):
    """Every call has an end: a child that takes too long for one is killed, and another takes its place."""

    def __init__(self, times: KiwiTimes = KiwiTimes()) -> None:
        """Starts nothing yet."""
        self._times = times
        self._child: ChildProcess | None = None
        self._loading: asyncio.Task[ChildProcess] | None = None
        self._backoff = Backoff(times.first_pause_seconds, times.longest_pause_seconds)
        self._not_before = 0.0
        self._why_not = ""
        self._is_closed = False
        # One call of long work at a time, so that a query finds one before it at most.
        self._turn = asyncio.Lock()

    @override
    async def of_chunks(self, texts: Sequence[str]) -> list[list[str]]:
        found: list[list[str]] = []
        for start in range(0, len(texts), _SLICE):
            async with self._turn:
                found += await self._answer("forms", texts=list(texts[start : start + _SLICE]))
        return found

    @override
    async def of_query(self, text: str) -> list[str]:
        async with self._soon(self._times.query_seconds):
            forms: list[list[str]] = await self._answer("forms", texts=[text])
        return forms[0]

    @override
    async def morphemes(self, texts: Sequence[str]) -> list[list[Morpheme]]:
        found: list[list[Morpheme]] = []
        async with self._soon(self._times.texts_seconds):
            for start in range(0, len(texts), _SLICE):
                answer = await self._answer("morphemes", texts=list(texts[start : start + _SLICE]))
                found += [[Morpheme(*one) for one in of_text] for of_text in answer]
        return found

    @override
    async def is_plausible(self, word: str) -> bool:
        async with self._soon(self._times.query_seconds):
            return bool(await self._answer("is_plausible", word=word))

    @override
    async def close(self) -> None:
        self._is_closed = True
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        child, self._child = self._child, None
        if child is not None:
            await child.stop(grace_seconds=self._times.close_seconds)

    @asynccontextmanager
    async def _soon(self, seconds: float) -> AsyncIterator[None]:
        """For somebody who waits: Unavailable after so long, or after what a child that is loaded may take."""
        is_loaded = self._child is not None and self._child.is_alive
        try:
            async with asyncio.timeout(seconds if is_loaded else self._times.first_seconds):
                yield
        except TimeoutError:
            what = "does not answer now" if is_loaded else "is still being loaded"
            raise Unavailable(f"The Korean analyser {what}.") from None
        except ChildEnded as error:
            raise Unavailable("The Korean analyser broke at this text.") from error

    async def _answer(self, method: str, **arguments: Any) -> Any:
        """Another child is asked when one ends under a call. Raises Unavailable; ChildEnded if the text is to blame."""
        for is_last in (False, True):
            child = await self._loaded()
            try:
                return await child.call(method, within_seconds=self._times.call_seconds, **arguments)
            except ChildEnded as error:
                await child.kill()
                _log.warning("the Korean analyser ended", action="search.analyser", method=method, reason=str(error))
                if not is_last:
                    continue
                if isinstance(error, ChildLate) or child.crashed_by is not None:
                    raise
                raise Unavailable("The Korean analyser is being started again.") from error
        raise AssertionError("unreachable")

    async def _loaded(self) -> ChildProcess:
        """One start for everyone who waits."""
        if self._child is not None and self._child.is_alive:
            return self._child
        if self._is_closed:
            raise Unavailable("The Korean analyser is closed.")
        if self._loading is None or self._loading.done():
            left = self._not_before - asyncio.get_running_loop().time()
            if left > 0:
                raise Unavailable(self._why_not, retry_after_seconds=left)
            self._loading = asyncio.create_task(self._load(), name="load-kiwi")
            # Whoever needs it meets the error; if nobody does any more, it is no news.
            self._loading.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._loading)

    async def _load(self) -> ChildProcess:
        self._child = None
        try:
            child = await self._started()
        except Unavailable as error:
            _log.error("the Korean analyser cannot be loaded", action="search.analyser", error=error.detail)
            loop = asyncio.get_running_loop()
            self._why_not, self._not_before = error.detail, loop.time() + self._backoff.next_seconds()
            raise
        self._backoff.reset()
        self._child = child
        return child

    async def _started(self) -> ChildProcess:
        # It reads its dictionaries and nothing else, and strangers' texts go through it.
        child = await ChildProcess.start(_MODULE, limits=ChildLimits(is_sandboxed=True))
        try:
            await child.call("load", within_seconds=self._times.load_seconds)
        except (ChildEnded, ChildError) as error:
            await child.kill()
            raise Unavailable(f"The Korean analyser cannot be loaded: {error}.") from error
        except BaseException:
            await child.kill()
            raise
        return child
