"""QuestionRewriter's promises, over language models."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from llm_stand_in import Say, answers, llm_that, status, then_hangs
from servers import llm_url

from search.chat.application.ports.question_rewriter import QuestionRewriter
from search.chat.infrastructure.openai_compatible import OpenAICompatible
from shared.infrastructure.prometheus_metrics import PrometheusMetrics
from shared.kernel import Unavailable
from shared.runtime.resilience import Resilient

EARLIER = ("Where is the head office of Maru?",)


def a_guard(seconds: float = 60.0) -> Resilient:
    return Resilient("llm", timeout_seconds=seconds, attempts=1, metrics=PrometheusMetrics())


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.servers)])
async def rewriter(request: pytest.FixtureRequest) -> AsyncIterator[QuestionRewriter]:
    if request.param == "stand-in":
        async with (
            llm_that(answers('"Who runs ', "the head office ", 'of Maru?"\n')) as server,
            OpenAICompatible(server.url, "m", key=None, guard=a_guard()) as one,
        ):
            yield one
    else:
        async with OpenAICompatible(llm_url(), "smollm2", key=None, guard=a_guard()) as one:
            yield one


async def test_a_question_is_proposed_without_quotes_and_space_around_it(rewriter: QuestionRewriter) -> None:
    proposal = await rewriter.rewrite("And who runs it?", EARLIER)
    assert proposal and proposal == proposal.strip().strip('"')


async def test_many_ask_at_once(rewriter: QuestionRewriter) -> None:
    proposals = await asyncio.gather(*(rewriter.rewrite("And who runs it?", EARLIER) for _ in range(4)))
    assert all(proposals)


@pytest.mark.parametrize("say", [status(500), status(400), then_hangs()], ids=["broken", "refusing", "hanging"])
async def test_where_nothing_comes_of_it_within_its_time_it_is_unavailable(say: Say) -> None:
    async with (
        llm_that(say) as server,
        OpenAICompatible(server.url, "m", key=None, guard=a_guard(), rewriting_guard=a_guard(0.3)) as rewriter,
    ):
        with pytest.raises(Unavailable):
            await rewriter.rewrite("And who runs it?", EARLIER)
