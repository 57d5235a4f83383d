"""A button to the page of a tariff code: which code, why, and how sure one is."""

from dataclasses import dataclass
from typing import Literal

MOST_BUTTONS = 8
Source = Literal["question", "passages", "lookup", "context7"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words that speak for a code: `start` and `end` are code points in the question, or in the passage."""

    text: str
    start: int
    end: int
    passage: int | None = None
    """Which of the passages, counted from 0; None: of the question, or of what Context7 answered."""


@dataclass(frozen=True, slots=True)
class DetailPageInfo:
    """One button, as the event `detail_page_button_ready` has it."""

    code: str
    display: str
    level: int
    title_ko: str | None
    title_en: str | None
    url: str
    confidence: float
    """0 to 1."""
    source: Source
    evidence: Evidence
    superseded_by: tuple[str, ...] = ()
    """Codes that took its place, of one that is in an older edition only."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """A code that something speaks for, before it is shown."""

    code: str
    confidence: float
    source: Source
    evidence: Evidence


def best_first(suspected: list[Suspected]) -> list[Suspected]:
    """Each code once, where most speaks for it; what speaks for one twice makes it surer; the surest first.

    Reasons are taken for independent: two of 0.5 make 0.75.
    """
    by_code: dict[str, Suspected] = {}
    doubt: dict[str, float] = {}
    for one in suspected:
        doubt[one.code] = doubt.get(one.code, 1.0) * (1 - one.confidence)
        if one.code not in by_code or one.confidence > by_code[one.code].confidence:
            by_code[one.code] = one
    merged = [
        Suspected(code, max(one.confidence, 1 - doubt[code]), one.source, one.evidence) for code, one in by_code.items()
    ]
    return sorted(merged, key=lambda one: -one.confidence)
