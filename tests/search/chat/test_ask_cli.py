"""How `seoga ask` shows an answer, over a stream as the server sends it."""

import json
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from search.chat.domain.events import EventName, SSEEventGenerator
from search.chat.interface.cli import build_commands
from shared.runtime.client import Absent

CITED = {
    "number": 1,
    "document": {"id": "d", "name": "관세/노트북.pdf", "revision": 1},
    "chunk": {"id": "1", "ordinal": 0, "page": 3, "box": None, "headings": []},
    "start": 0,
    "end": 15,
    "quote": "노트북의 관세율은\n0%이다.",
    "supported": True,
    "sentence": "노트북의 관세율은 0%이다.",
}
START = {"session": "s", "message_id": "m", "question": "?", "answered_by": "extractive", "model": None}
BUTTON = {"code": "847130", "display": "8471.30", "title_ko": "노트북", "title_en": None, "url": "/hs-codes/847130"}
ERROR = {"code": "timeout", "detail": "It took too long.", "task": "history"}
END = {"finish_reason": "stop", "degraded": ["history"]}


def asked(
    *events: tuple[EventName, dict[str, Any]], arguments: tuple[str, ...] = ("왜?",)
) -> tuple[Result, dict[str, Any]]:
    """What the command printed, and what it sent."""
    maker, sent = SSEEventGenerator("m"), {}

    def answer(request: httpx.Request) -> httpx.Response:
        sent.update(json.loads(request.content))
        stream = b": still at it\n\n" + b"".join(maker.make(name, data).to_sse() for name, data in events)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream)

    def connect(absent: Absent = "refuse", /) -> AbstractContextManager[httpx.Client]:
        return nullcontext(httpx.Client(transport=httpx.MockTransport(answer), base_url="http://seoga.example"))

    return CliRunner().invoke(build_commands(connect), list(arguments)), sent


def test_an_answer_has_its_numbered_sources_links_and_what_was_missing() -> None:
    result, sent = asked(
        ("message_start", START),
        ("answer_delta", {"text": "노트북의 관세율은 0%이다."}),
        ("citation", CITED),
        ("answer_delta", {"text": " 배는 0%이다."}),
        ("citation", {**CITED, "number": 2, "supported": False, "chunk": {**CITED["chunk"], "page": None}}),  # type: ignore[dict-item]
        ("detail_page_button_ready", BUTTON),
        ("error", ERROR),
        ("message_complete", END),
        arguments=("왜", "그런가?", "--collection", "customs", "--session", "s", "--forget"),
    )
    assert result.exit_code == 0 and "[1] 배는 0%이다. [2]?" in result.output
    assert "[1] 관세/노트북.pdf, p. 3: 노트북의 관세율은 0%이다." in result.output
    assert "[2] 관세/노트북.pdf: " in result.output
    assert "HS 8471.30  노트북  http://seoga.example/hs-codes/847130" in result.output
    assert "history: It took too long." in result.output and "without: history" in result.output
    assert sent == {"question": "왜 그런가?", "remember": False, "collection": ["customs"], "session": "s"}


def test_a_source_says_that_its_document_is_still_being_read() -> None:
    early = {**CITED["document"], "early": {"pages_done": 64, "pages_total": 2000}}  # type: ignore[dict-item]
    result, _ = asked(
        ("message_start", START),
        ("citation", {**CITED, "document": early}),
        ("citation", {**CITED, "number": 2, "document": {**early, "early": None}}),
        ("message_complete", END),
    )
    assert "[1] 관세/노트북.pdf, p. 3 (first 64 of 2,000 pages): 노트북의" in result.output
    assert "[2] 관세/노트북.pdf, p. 3: 노트북의" in result.output


def test_json_is_one_document() -> None:
    told: tuple[tuple[EventName, dict[str, Any]], ...] = (
        ("message_start", START),
        ("answer_delta", {"text": "0%."}),
        ("citation", CITED),
        ("message_complete", END),
    )
    result, _ = asked(*told, arguments=("왜?", "--json"))
    whole = json.loads(result.stdout)
    assert (whole["answer"], whole["citations"], whole["complete"]) == ("0%.", [CITED], END)


@pytest.mark.parametrize("arguments", [("왜?",), ("왜?", "--json")])
def test_an_answer_that_breaks_off_is_no_success(arguments: tuple[str, ...]) -> None:
    result, _ = asked(("message_start", START), ("answer_delta", {"text": "0"}), arguments=arguments)
    assert result.exit_code == 1 and "broke off" in result.stderr
