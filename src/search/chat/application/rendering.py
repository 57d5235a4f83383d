"""What the events of an answer say: the one translation of its parts into their data."""

from collections.abc import Mapping
from typing import Any

from search.chat.domain.asking import Citation, Passage
from search.chat.domain.detail_page import DetailPageInfo
from search.chat.domain.tasks import TaskName, TaskReport, parallel_efficiency, speedup


def citation_data(citation: Citation) -> dict[str, Any]:
    """Of a `citation` event."""
    passage = citation.passage
    return {
        "number": citation.number,
        "document": {
            "id": passage.document,
            "name": passage.document_name,
            "revision": passage.revision,
            "early": passage.early and {"pages_done": passage.early[0], "pages_total": passage.early[1]},
        },
        "chunk": {
            "id": passage.chunk,
            "ordinal": passage.ordinal,
            "page": passage.page,
            "box": _box(passage),
            "headings": list(passage.headings),
        },
        "start": citation.start,
        "end": citation.end,
        "quote": citation.quote,
        "supported": citation.supported,
        "sentence": citation.sentence,
    }


def _box(passage: Passage) -> dict[str, float] | None:
    """As hits of a search have it."""
    if passage.box is None or passage.page is None:
        return None
    left, top, right, bottom = passage.box
    return {"page": passage.page, "left": left, "top": top, "right": right, "bottom": bottom}


def button_data(button: DetailPageInfo) -> dict[str, Any]:
    """Of a `detail_page_button_ready` event."""
    evidence = button.evidence
    return {
        "code": button.code,
        "display": button.display,
        "level": button.level,
        "title_ko": button.title_ko,
        "title_en": button.title_en,
        "url": button.url,
        "confidence": round(button.confidence, 3),
        "source": button.source,
        "evidence": {"text": evidence.text, "start": evidence.start, "end": evidence.end},
        "superseded_by": list(button.superseded_by),
    }


def milliseconds(seconds: float) -> int:
    """Rounded."""
    return round(seconds * 1000)


def task_data(report: TaskReport) -> dict[str, Any]:
    """Of one task, in `message_complete`."""
    return {
        "status": report.status,
        "milliseconds": milliseconds(report.seconds),
        "wait_milliseconds": milliseconds(report.wait_seconds),
    }


def tasks_data(reports: Mapping[TaskName, TaskReport], wall_seconds: float) -> dict[str, Any]:
    """By task, and how well they ran side by side."""
    return {
        "tasks": {name: task_data(report) for name, report in reports.items()},
        "speedup": round(speedup(list(reports.values()), wall_seconds), 3),
        "parallel_efficiency": round(parallel_efficiency(list(reports.values()), wall_seconds), 3),
    }
