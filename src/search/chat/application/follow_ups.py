"""Makes a question stand alone from its conversation: by a language model where there is one, else by rules."""

from collections.abc import Sequence
from typing import Final

from search.application.ports.analysis import Analyzer, ContentWord
from search.application.request import LONGEST_QUERY
from search.chat.application.ports.question_rewriter import QuestionRewriter
from search.chat.domain.follow_up import is_faithful, stand_alone, stands_for_itself
from shared.kernel import Unavailable
from shared.telemetry import get_log

_LOOKS_BACK: Final = 4
"""Earlier questions that may tell what a question is about."""
FOLLOW_UP: Final = "follow_up"
"""How an answer is degraded whose question the language model was to make stand alone and did not."""

_log = get_log("search")


class FollowUps:
    """Reads questions alone: what documents say, which answers repeat, never decides what is looked for."""

    def __init__(self, analyzer: Analyzer, rewriter: QuestionRewriter | None = None) -> None:
        self._analyzer = analyzer
        self._rewriter = rewriter

    async def stand_alone(self, question: str, earlier: Sequence[str]) -> tuple[str, tuple[str, ...]]:
        """The question in words that need no conversation, and what was missing. Raises Unavailable (analysis)."""
        asked = [*earlier[-_LOOKS_BACK:], question]
        if len(asked) == 1:
            return question, ()
        words = await self._analyzer.content_words(asked)
        missing: tuple[str, ...] = ()
        if self._rewriter is not None and not stands_for_itself(question, words[-1]):
            try:
                proposal = await self._rewriter.rewrite(question, asked[:-1])
            except Unavailable as error:
                _log.warning("a question was made to stand alone by rules", action="chat.degraded", error=error.detail)
                missing = (FOLLOW_UP,)
            else:
                if await self._is_faithful(proposal, asked, words):
                    return proposal, ()
        return await self._by_rules(asked, words), missing

    async def _is_faithful(self, proposal: str, asked: Sequence[str], words: Sequence[Sequence[ContentWord]]) -> bool:
        if not 0 < len(proposal) <= LONGEST_QUERY:
            return False
        (proposed,) = await self._analyzer.content_words([proposal])
        earlier = [word for one in words[:-1] for word in one]
        return is_faithful(proposal, proposed, asked[-1], words[-1], earlier)

    async def _by_rules(self, asked: Sequence[str], words: Sequence[Sequence[ContentWord]]) -> str:
        """Each question of the conversation on what the one before was about, and so the last one."""
        alone = topic = ""
        topic_words: list[tuple[str, ContentWord]] = []
        for question, own in zip(asked, words, strict=True):
            alone = stand_alone(question, own, topic, topic_words) if topic else question
            if own:
                topic = alone
                (of_topic,) = await self._analyzer.content_words([topic])
                topic_words = _written(topic, of_topic)
        return alone if len(alone) <= LONGEST_QUERY else asked[-1]


def _written(text: str, words: Sequence[ContentWord]) -> list[tuple[str, ContentWord]]:
    """Each with how it was written; names and numbers first, as they say most."""
    marked = sorted(words, key=lambda word: not (word.is_name or word.is_number))
    return [(text[word.start : word.end], word) for word in marked]
