"""AnswerGenerator's promises, over sentences of the passages and over language models."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from llm_stand_in import answers, llm_that
from one_analyzer import the_analyzer
from servers import llm_url

from search.chat.application.ports.answer_generator import (
    AnswerGenerator,
    Generated,
    GeneratedEnd,
    GeneratedText,
    Task,
)
from search.chat.domain.asking import Passage
from search.chat.infrastructure.extractive import ExtractiveGenerator
from search.chat.infrastructure.openai_compatible import LlmLimits, OpenAICompatible
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.runtime.resilience import Resilient


def a_passage(text: str, *, document: str = "d", start: int = 0) -> Passage:
    return Passage(document, "guide.txt", 1, "default", f"{document}:1:0", 0, text, start, start + len(text), 1.0)


TASK = Task(
    "How long is the warranty?",
    "en",
    (a_passage("The pump is blue. The warranty lasts 24 months."), a_passage("Ships leave from Busan.", document="e")),
)


def a_guard(**changes: float) -> Resilient:
    times = {"timeout_seconds": 60.0, "total_seconds": 60.0, "first_pause_seconds": 0.001, **changes}
    return Resilient("llm", metrics=PrometheusMetrics(), **times)  # type: ignore[arg-type]


@pytest.fixture(params=["extractive", "stand-in", pytest.param("real", marks=pytest.mark.servers)])
async def generator(request: pytest.FixtureRequest) -> AsyncIterator[AnswerGenerator]:
    if request.param == "extractive":
        yield ExtractiveGenerator(the_analyzer())
    elif request.param == "stand-in":
        async with (
            llm_that(answers("The warr", "anty lasts 24 ", "months. [1]")) as server,
            OpenAICompatible(server.url, "m", key=None, guard=a_guard()) as one,
        ):
            yield one
    else:
        limits = LlmLimits(context_tokens=2048, answer_tokens=40)
        async with OpenAICompatible(llm_url(), "smollm2", key=None, guard=a_guard(), limits=limits) as one:
            yield one


async def pieces_of(generator: AnswerGenerator, task: Task = TASK) -> list[Generated]:
    return [piece async for piece in generator.generate(task)]


async def test_texts_come_first_and_the_end_comes_last(generator: AnswerGenerator) -> None:
    *texts, end = await pieces_of(generator)
    assert isinstance(end, GeneratedEnd) and end.finish_reason in ("stop", "length")
    assert texts and all(isinstance(piece, GeneratedText) and piece.text for piece in texts)


async def test_it_says_who_it_is(generator: AnswerGenerator) -> None:
    assert (generator.model is None) == (generator.answered_by == "extractive")


async def test_many_ask_at_once(generator: AnswerGenerator) -> None:
    for answer in await asyncio.gather(*(pieces_of(generator) for _ in range(3))):
        assert isinstance(answer[-1], GeneratedEnd)


async def test_who_stops_listening_ends_it(generator: AnswerGenerator) -> None:
    async with aclosing(generator.generate(TASK)) as pieces:
        async for _ in pieces:
            break
    assert isinstance((await pieces_of(generator))[-1], GeneratedEnd)


async def test_a_passage_longer_than_any_window_is_read_in_part(generator: AnswerGenerator) -> None:
    long = a_passage("The warranty lasts 24 months. " + "Nothing else is said here. " * 3_000)
    assert isinstance((await pieces_of(generator, Task(TASK.question, "en", (long,))))[-1], GeneratedEnd)
