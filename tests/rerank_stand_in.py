"""A server with the rerank API that answers as it is told to, well or badly, on a free port of loopback."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from llm_stand_in import Say, StandIn, llm_that, says

Judge = Callable[[str, str], float]


def common_words(query: str, passage: str) -> float:
    """How many of the query's words are in the passage."""
    return float(len(set(query.lower().split()) & set(passage.lower().split())))


def raw_answer(body: object) -> Say:
    """Any JSON, as 200."""
    content = json.dumps(body).encode()
    return says(f"HTTP/1.1 200 OK\r\ncontent-length: {len(content)}\r\nconnection: close\r\n\r\n".encode() + content)


@asynccontextmanager
async def rerank_server(judge: Judge = common_words, *first: Say) -> AsyncIterator[StandIn]:
    """Says what `first` says, one a request, then judges; the best first, as the API has it."""
    async with llm_that(*first, raw_answer({})) as server:
        # Requests are judged in the order in which they came.
        turn = count(len(first))

        async def judged(writer: Any) -> None:
            asked = server.asked[next(turn)]
            scores = [judge(asked["query"], passage) for passage in asked["documents"]]
            order = sorted(range(len(scores)), key=lambda place: -scores[place])[: asked["top_n"]]
            results = [{"index": place, "relevance_score": scores[place]} for place in order]
            await raw_answer({"id": "1", "results": results, "usage": {"total_tokens": 1}})(writer)

        server.script[-1] = judged
        yield server
