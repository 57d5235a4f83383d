"""Prepares buttons to the pages of tariff codes: for codes that are named, and for goods that are."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from typing_extensions import override

from search.application.tariff import Tariff
from search.chat.application.ports.knowledge_source import KnowledgeSource
from search.chat.domain.detail_page import MOST_BUTTONS, DetailPageInfo, Evidence, Suspected, best_first
from search.domain.tariff.nomenclature import Nomenclature
from search.domain.tariff.wording import goods_of, without_codes
from shared.kernel import DomainError
from shared.tariff.codes import digits_of, display
from shared.tariff.spotting import Mention
from shared.telemetry import get_log

KNOWLEDGE: Final = "context7"
"""How `degraded` names the other source."""
LOOKUP: Final = "lookup"
"""How it names what words are analysed with."""

_CERTAIN: Final = 0.9
"""A code that the question names so surely is shown at once."""
_LEAST_SURE: Final = 0.3
"""Codes for goods that are less sure are not shown."""
_MOST_LOOKED_UP: Final = 3
_LONGEST_QUESTION: Final = 1000
"""Characters of a question that goods are looked for in."""
_PASSAGE: Final = 0.75
"""How far a code in the first passage speaks for itself; what is asked need not be about it."""
_FURTHER: Final = 0.85
"""The same of each further passage against the one before."""
_OF_OTHERS: Final = 0.4
"""The same of what another source says."""

_log = get_log("search.chat")


@dataclass(frozen=True, slots=True)
class DetailPageTimes:
    """How long buttons wait for others."""

    knowledge_seconds: float = 2.0
    """For all that is asked of the other source."""


_TIMES: Final = DetailPageTimes()


class DetailPages(AsyncIterator[DetailPageInfo]):
    """The buttons of one question as they are ready; `degraded` says, after the last one, what was missing."""

    def __init__(self, buttons: AsyncIterator[DetailPageInfo], degraded: list[str]) -> None:
        self._buttons = buttons
        self._degraded = degraded

    @property
    def degraded(self) -> tuple[str, ...]:
        """`context7`, `lookup`; nothing where all were asked, or are not configured."""
        return tuple(self._degraded)

    @override
    def __aiter__(self) -> "DetailPages":
        return self

    @override
    async def __anext__(self) -> DetailPageInfo:
        return await anext(self._buttons)

    async def aclose(self) -> None:
        """Ends what is still being asked."""
        close = getattr(self._buttons, "aclose", None)
        if close is not None:
            await close()


class DetailPageService:
    """Local analysis first, the other source beside it. Shows no code that is in no edition of the nomenclature."""

    def __init__(
        self,
        tariff: Tariff,
        knowledge: KnowledgeSource | None = None,
        *,
        library: str = "",
        times: DetailPageTimes = _TIMES,
    ) -> None:
        """`library` of the other source: an id that begins with a slash, or a name to look for."""
        self._tariff = tariff
        self._knowledge = knowledge
        self._library = library
        self._times = times

    def prepare(self, question: str, passages: Sequence[str] = ()) -> DetailPages:
        """At most 8 buttons, the surest first: those of local analysis together, then what the other source adds.

        Nothing that is missing ends it: `degraded` names it.
        """
        degraded: list[str] = []
        return DetailPages(self._prepare(question, passages, degraded), degraded)

    async def _prepare(
        self, question: str, passages: Sequence[str], degraded: list[str]
    ) -> AsyncIterator[DetailPageInfo]:
        asked = asyncio.create_task(self._ask_others(question, degraded))
        try:
            nomenclature = await self._tariff.nomenclature()
            mentions = await self._tariff.spot(question)
            named = list(_named(mentions, nomenclature))
            shown: set[str] = set()
            # What the question says for certain waits neither for an analyser that is being loaded nor for others.
            least = 1.0
            for one in best_first([one for one in named if one.confidence >= _CERTAIN])[:MOST_BUTTONS]:
                shown.add(one.code)
                least = one.confidence
                yield _button(one, nomenclature)
            suspected = [
                *named,
                *await self._in_passages(passages, nomenclature),
                *await self._looked_up(question, mentions, degraded),
            ]
            further = [one for one in best_first(suspected) if one.code not in shown]
            for one in further[: MOST_BUTTONS - len(shown)]:
                shown.add(one.code)
                yield _button(replace(one, confidence=min(one.confidence, least)), nomenclature)
            for one in best_first(await asked):
                if len(shown) >= MOST_BUTTONS:
                    return
                if one.code not in shown:
                    shown.add(one.code)
                    yield _button(one, nomenclature)
        finally:
            asked.cancel()
            with suppress(asyncio.CancelledError):
                await asked

    async def _in_passages(self, passages: Sequence[str], nomenclature: Nomenclature) -> list[Suspected]:
        """A code counts in the first passage that has it: the same words in all of them are one reason, not many."""
        found: dict[str, Suspected] = {}
        for place, passage in enumerate(passages):
            for code, mention in _known(await self._tariff.spot(passage), nomenclature):
                sure = mention.confidence * _PASSAGE * _FURTHER**place
                evidence = Evidence(mention.surface, mention.start, mention.end, place)
                found.setdefault(code, Suspected(code, sure, "passages", evidence))
        return list(found.values())

    async def _looked_up(self, question: str, mentions: Sequence[Mention], degraded: list[str]) -> list[Suspected]:
        """Codes that are named are no goods: what stands beside them may be."""
        asked = question[:_LONGEST_QUESTION]
        goods = without_codes(asked, [(one.start, one.end) for one in mentions if one.end <= len(asked)])
        if digits_of(asked) is not None or not goods.strip():
            return []
        try:
            found = await self._tariff.find(goods, limit=_MOST_LOOKED_UP)
        except DomainError as error:
            _log.warning("goods could not be looked up", action="chat.detail_pages", error=str(error))
            degraded.append(LOOKUP)
            return []
        evidence = Evidence(asked, 0, len(asked))
        return [
            Suspected(one.entry.code, one.confidence, "lookup", evidence)
            for one in found
            if one.confidence >= _LEAST_SURE
        ]

    async def _ask_others(self, question: str, degraded: list[str]) -> list[Suspected]:
        if self._knowledge is None:
            return []
        # What is asked of others are the goods, not who asks what about them.
        goods = goods_of(question[:_LONGEST_QUESTION])
        try:
            async with asyncio.timeout(self._times.knowledge_seconds):
                library: str | None = self._library
                if not self._library.startswith("/"):
                    library = await self._knowledge.resolve_library_id_async(self._library, goods, quick=True)
                if library is None:
                    return []
                text = await self._knowledge.get_library_docs_async(library, goods, quick=True)
        except (TimeoutError, DomainError) as error:
            _log.warning("the other source did not answer", action="chat.detail_pages", error=str(error))
            degraded.append(KNOWLEDGE)
            return []
        return [
            Suspected(code, mention.confidence * _OF_OTHERS, "context7", _evidence(mention))
            for code, mention in _known(await self._tariff.spot(text), await self._tariff.nomenclature())
        ]


def _named(mentions: Sequence[Mention], nomenclature: Nomenclature) -> Iterator[Suspected]:
    for code, mention in _known(mentions, nomenclature):
        yield Suspected(code, mention.confidence, "question", _evidence(mention))


def _evidence(mention: Mention) -> Evidence:
    return Evidence(mention.surface, mention.start, mention.end)


def _known(mentions: Sequence[Mention], nomenclature: Nomenclature) -> Iterator[tuple[str, Mention]]:
    """With the code that has a page: itself, an older one, or the longest part of it that is in the nomenclature."""
    for mention in mentions:
        if mention.standing == "superseded":
            yield mention.code, mention
            continue
        code = nomenclature.nearest(mention.code)
        if code is not None and len(code) >= 4:
            yield code, mention


def _button(one: Suspected, nomenclature: Nomenclature) -> DetailPageInfo:
    title_ko, title_en = nomenclature.telling_titles(one.code)
    return DetailPageInfo(
        code=one.code,
        display=display(one.code),
        level=len(one.code),
        title_ko=title_ko,
        title_en=title_en,
        url=f"/hs-codes/{one.code}",
        confidence=round(one.confidence, 4),
        source=one.source,
        evidence=one.evidence,
        superseded_by=nomenclature.superseded_by(one.code),
    )
