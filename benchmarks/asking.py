"""Questions over HTTP, as a client asks them: what came back, and when."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass(slots=True)
class Asked:
    """One question's answer as a client saw it; all seconds are since it was asked."""

    first_event_seconds: float = 0.0
    first_words_seconds: float = 0.0
    seconds: float = 0.0
    buttons_seconds: float | None = None
    """When no more buttons were to come."""
    answer_seconds: float = 0.0
    """When the last words or the last citation came."""
    first_quote: str = ""
    text: str = ""
    session: str = ""
    buttons: int = 0
    end: dict[str, Any] = field(default_factory=dict)
    """The data of `message_complete`."""

    @property
    def is_answered(self) -> bool:
        """Whether anything was found."""
        return bool(self.end["finish_reason"] != "nothing_found")

    def take(self, at: float, name: str, data: dict[str, Any]) -> None:
        """The next event."""
        self.first_event_seconds = self.first_event_seconds or at
        match name:
            case "message_start":
                self.session = data["session"]
            case "answer_delta":
                self.first_words_seconds = self.first_words_seconds or at
                self.answer_seconds = at
                self.text += data["text"]
            case "citation":
                self.answer_seconds = at
                self.first_quote = self.first_quote or data["quote"]
            case "detail_page_button_ready":
                self.buttons += 1
            case "detail_page_buttons_complete":
                self.buttons_seconds = at
            case "error":
                raise RuntimeError(f"{data}")
            case "message_complete":
                self.seconds, self.end = at, data


def _events(lines: Iterator[str], began: float) -> Iterator[tuple[float, dict[str, Any]]]:
    for line in lines:
        if line.startswith("data:"):
            yield time.perf_counter() - began, json.loads(line[5:])


def ask(client: httpx.Client, question: str, **body: Any) -> Asked:
    """Of a fresh conversation that is not kept, unless `body` says so. Raises when a task fails or no end comes."""
    asked, began = Asked(), time.perf_counter()
    given = {"question": question, "remember": False} | body
    with client.stream("POST", "/api/v1/chat", json=given) as answer:
        answer.raise_for_status()
        for at, event in _events(answer.iter_lines(), began):
            asked.take(at, event["type"], event["data"])
    if not asked.end:
        raise RuntimeError(f"no end of the answer to {question!r}")
    return asked


async def ask_async(client: httpx.AsyncClient, question: str, **body: Any) -> Asked:
    """The same, of many at once."""
    asked, began = Asked(), time.perf_counter()
    given = {"question": question, "remember": False} | body
    async with client.stream("POST", "/api/v1/chat", json=given) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data:"):
                event = json.loads(line[5:])
                asked.take(time.perf_counter() - began, event["type"], event["data"])
    if not asked.end:
        raise RuntimeError(f"no end of the answer to {question!r}")
    return asked
