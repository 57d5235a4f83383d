"""An answer as it streams: marks are taken out, and a sentence is handed over the moment it is whole."""

import re
from dataclasses import dataclass
from typing import Final

from shared.sentences import sentences

_MARK: Final = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_MAYBE_MARK: Final = re.compile(r"\s?\[[\d\s,]{0,12}\Z|\s\Z")
"""What may become a mark when more comes."""


@dataclass(frozen=True, slots=True)
class Told:
    """Further words of the answer, without marks."""

    text: str


@dataclass(frozen=True, slots=True)
class SentenceEnded:
    """A sentence is whole; `marks` are the passages that it named, from 1."""

    text: str
    marks: tuple[int, ...]


class Telling:
    """Fed with pieces; gives words and ends of sentences in their order, no word before its sentence's predecessor
    has ended.
    """

    def __init__(self) -> None:
        self._raw = ""
        self._open = ""
        self._told = 0
        self._marks: list[tuple[int, int]] = []

    def feed(self, piece: str) -> list[Told | SentenceEnded]:
        """What is certain now."""
        self._raw += piece
        kept = _MAYBE_MARK.search(self._raw)
        certain, self._raw = (self._raw[: kept.start()], self._raw[kept.start() :]) if kept else (self._raw, "")
        self._take(certain)
        return self._ended(is_last=False)

    def finish(self) -> list[Told | SentenceEnded]:
        """The rest."""
        self._take(self._raw)
        self._raw = ""
        return self._ended(is_last=True)

    def _take(self, certain: str) -> None:
        at = 0
        for mark in _MARK.finditer(certain):
            self._open += certain[at : mark.start()]
            self._marks += [(len(self._open), int(number)) for number in mark[1].split(",")]
            at = mark.end()
        self._open += certain[at:]

    def _ended(self, *, is_last: bool) -> list[Told | SentenceEnded]:
        events: list[Told | SentenceEnded] = []
        spans = list(sentences(self._open, 0, len(self._open)))
        whole = spans if is_last else spans[:-1]
        for place, (start, end) in enumerate(whole):
            following = spans[place + 1][0] if place + 1 < len(spans) else len(self._open)
            self._tell(end, events)
            marks = tuple(dict.fromkeys(number for at, number in self._marks if start < at <= following))
            events.append(SentenceEnded(self._open[start:end], marks))
        if whole:
            done = whole[-1][1]
            self._marks = [(at - done, number) for at, number in self._marks if at > done and len(whole) < len(spans)]
            self._open, self._told = self._open[done:], self._told - done
        if not is_last:
            self._tell(len(self._open), events)
        return events

    def _tell(self, until: int, events: list[Told | SentenceEnded]) -> None:
        if until > self._told:
            events.append(Told(self._open[self._told : until]))
            self._told = until
