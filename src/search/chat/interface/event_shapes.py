"""What the events of an answer hold: their JSON schemas are committed and compared."""

from datetime import datetime
from typing import Any, Final, Generic, Literal, TypeVar

from pydantic import Field

from search.chat.domain.events import EventName
from shared.web.page_box import PageBox
from shared.web.shapes import Shape

D = TypeVar("D", bound=Shape)


class MessageStart(Shape):
    """The question was taken."""

    session: str
    message_id: str
    question: str
    answered_by: Literal["llm", "extractive"]
    model: str | None


class AnswerDelta(Shape):
    """The next words of the answer."""

    text: str


class CitedFirstPages(Shape):
    """What was searched of a document that is still being read, or could not be read to its end."""

    pages_done: int
    """So many pages, from the first on."""
    pages_total: int
    """So many there are."""


class CitedDocument(Shape):
    """The document of a citation."""

    id: str
    name: str
    revision: int
    early: CitedFirstPages | None
    """Null: the whole of it was searched. As it was when the answer was made."""


class CitedChunk(Shape):
    """The passage of a citation."""

    id: str
    ordinal: int
    page: int | None
    """On which the passage begins, from 1; null where the document has no pages."""
    box: PageBox | None
    """Of the passage on that page; null where that is not known."""
    headings: list[str]


class CitationData(Shape):
    """The place that bears out the sentence before it."""

    number: int = Field(ge=1)
    document: CitedDocument
    chunk: CitedChunk
    start: int = Field(ge=0, description="In the document's text, in code points.")
    end: int = Field(ge=0)
    quote: str
    supported: bool
    """Whether it does bear the sentence out."""
    sentence: str


class ButtonsStart(Shape):
    """Buttons are on their way."""

    expected: int = Field(ge=0, description="At most so many.")


class EvidenceData(Shape):
    """The words that speak for a code."""

    text: str
    start: int
    end: int


class ButtonReady(Shape):
    """A button to the page of a tariff code."""

    code: str
    display: str
    level: int
    title_ko: str | None
    title_en: str | None
    url: str
    confidence: float = Field(ge=0, le=1)
    source: Literal["question", "passages", "lookup", "context7"]
    evidence: EvidenceData
    superseded_by: list[str]


class ButtonsComplete(Shape):
    """There are no more buttons."""

    count: int = Field(ge=0)
    milliseconds: int = Field(ge=0)
    degraded: list[str]


class HistorySaved(Shape):
    """The message is kept."""

    message_id: str


class TaskData(Shape):
    """How a task ended."""

    status: Literal["done", "failed", "timed_out", "cancelled", "skipped"]
    milliseconds: int = Field(ge=0, description="At work.")
    wait_milliseconds: int = Field(ge=0)
    """Until it began, and for what other tasks had to give it."""


class TasksData(Shape):
    """The three tasks."""

    answer: TaskData
    detail_pages: TaskData
    history: TaskData


class MessageComplete(Shape):
    """The last event."""

    finish_reason: Literal["stop", "length", "nothing_found", "cancelled", "broken_off", "error"]
    usage: dict[str, int]
    citations: int = Field(ge=0)
    unsupported_sentences: int = Field(ge=0)
    milliseconds: int = Field(ge=0)
    tasks: TasksData
    speedup: float = Field(ge=0)
    parallel_efficiency: float = Field(ge=0, le=1)
    degraded: list[str]


class TaskError(Shape):
    """A task failed; the others go on."""

    code: str
    detail: str
    task: Literal["answer", "detail_pages", "history"]


class EventEnvelope(Shape, Generic[D]):
    """What `data:` of every event holds."""

    type: str
    """The event's name."""
    message_id: str
    sequence: int = Field(ge=1)
    """1, 2, 3 … without a gap."""
    timestamp: datetime
    data: D
    """As the event's name says."""


STREAM_EVENTS: Final[dict[EventName, type[EventEnvelope[Any]]]] = {
    "message_start": EventEnvelope[MessageStart],
    "answer_delta": EventEnvelope[AnswerDelta],
    "citation": EventEnvelope[CitationData],
    "detail_page_buttons_start": EventEnvelope[ButtonsStart],
    "detail_page_button_ready": EventEnvelope[ButtonReady],
    "detail_page_buttons_complete": EventEnvelope[ButtonsComplete],
    "history_saved": EventEnvelope[HistorySaved],
    "message_complete": EventEnvelope[MessageComplete],
    "error": EventEnvelope[TaskError],
}
"""By the name of the event."""


def event_schema(name: EventName) -> dict[str, Any]:
    """The JSON schema of what `data:` holds in events of this name."""
    schema = STREAM_EVENTS[name].model_json_schema()
    schema["title"] = name
    schema["properties"]["type"]["const"] = name
    return schema
