"""Wires asking; Search gives it a place among its own routes."""

import time
from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from search.application.ports.chunk_index import ChunkIndex
from search.application.retrieval import Retrieval
from search.application.search_log import SearchLog
from search.application.tariff import Tariff
from search.chat.application.answering import Answering
from search.chat.application.conversations import Conversations
from search.chat.application.detail_pages import DetailPageService
from search.chat.application.message import Answerer, MessageTimes
from search.chat.application.message_stream import RunningMessages, StreamTimes
from search.chat.application.recent import RecentTurns
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.history.source import SqlHistorySource
from search.chat.infrastructure.model_likeness import ModelLikeness
from search.chat.infrastructure.shelf_passages import ShelfPassages
from search.chat.interface.http import build_router
from shared.ports.model import Model
from shared.ports.storage import Cache
from shared.runtime.resilience import Remotes
from shared.settings import Settings, without_credentials
from shared.telemetry import Metrics
from shared.web.access import Access

if TYPE_CHECKING:
    from search.chat.application.ports.knowledge_source import KnowledgeSource
    from search.chat.infrastructure.openai_compatible import OpenAICompatible


def _knowledge(settings: Settings, cache: Cache, remotes: Remotes) -> "KnowledgeSource | None":
    """Context7 where a setting names one; its libraries are loaded only then."""
    if settings.context7_url is None:
        return None
    from search.chat.infrastructure.context7 import Context7

    key = None if settings.context7_key is None else settings.context7_key.get_secret_value()
    return Context7(settings.context7_url, cache, remotes, key=key)


def _language_model(settings: Settings, remotes: Remotes) -> "OpenAICompatible | None":
    """The one that a setting names; its library is loaded only then."""
    if settings.llm_url is None or settings.llm_model is None:
        return None
    from search.chat.infrastructure.openai_compatible import LlmLimits, OpenAICompatible

    where = f"The language model at {without_credentials(settings.llm_url)} (SEOGA_LLM_URL)"
    return OpenAICompatible(
        settings.llm_url,
        settings.llm_model,
        key=None if settings.llm_key is None else settings.llm_key.get_secret_value(),
        guard=remotes.guard(
            "llm",
            where=where,
            timeout_seconds=settings.llm_first_token_seconds,
            reset_seconds=10,
        ),
        # A breaker of its own: who is too slow for this may answer all the same.
        rewriting_guard=remotes.guard(
            "llm_follow_up",
            where=where,
            timeout_seconds=settings.llm_follow_up_seconds,
            attempts=1,
            reset_seconds=60,
        ),
        limits=LlmLimits(
            between_tokens_seconds=settings.llm_between_tokens_seconds,
            context_tokens=settings.llm_context_tokens,
            answer_tokens=settings.llm_answer_tokens,
            passage_tokens=settings.llm_passage_tokens,
        ),
    )


def _expected(settings: Settings) -> Answerer:
    return Answerer() if settings.llm_url is None else Answerer("llm", settings.llm_model)


class ChatContainer(containers.DeclarativeContainer):
    """Search's container gives what is declared as a dependency."""

    settings = providers.Dependency(instance_of=Settings)
    retrieval = providers.Dependency(instance_of=Retrieval)
    index: "providers.Dependency[ChunkIndex]" = providers.Dependency()
    model = providers.Dependency(instance_of=Model)
    analyzer: "providers.Dependency[Any]" = providers.Dependency()
    tariff = providers.Dependency(instance_of=Tariff)
    search_log = providers.Dependency(instance_of=SearchLog)
    cache = providers.Dependency(instance_of=Cache)
    access = providers.Dependency(instance_of=Access)
    metrics = providers.Dependency(instance_of=Metrics)
    remotes = providers.Dependency(instance_of=Remotes)

    stream_times = providers.Object(StreamTimes())
    message_times = providers.Object(MessageTimes())
    monotonic = providers.Object(time.monotonic)

    knowledge = providers.Singleton(_knowledge, settings, cache, remotes)
    language_model = providers.Singleton(_language_model, settings, remotes)
    likeness = providers.Singleton(ModelLikeness, model)
    answers = providers.Singleton(
        Answering,
        passages=providers.Singleton(ShelfPassages, retrieval, index),
        analyzer=analyzer,
        extractive=providers.Singleton(ExtractiveGenerator, analyzer, likeness),
        llm=language_model,
        rewriter=language_model,
        likeness=likeness,
    )
    detail_pages = providers.Singleton(DetailPageService, tariff, knowledge, library=settings.provided.context7_library)
    history = providers.Singleton(SqlHistorySource, settings, remotes)
    recent = providers.Singleton(RecentTurns, cache)
    running = providers.Singleton(RunningMessages, stream_times, monotonic)
    conversations = providers.Singleton(
        Conversations,
        answers=answers,
        detail_pages=detail_pages,
        history=history,
        recent=recent,
        running=running,
        log=search_log,
        metrics=metrics,
        expected=providers.Callable(_expected, settings),
        times=message_times,
    )
    router = providers.Singleton(build_router, conversations, access)
