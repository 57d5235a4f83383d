"""The JSON of a search: what may be asked, what is answered, and the one translation between it and the domain."""

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue
from pydantic_core import to_json

from search.application.request import LONGEST_QUERY, MOST_CONTEXT, MOST_FACETS, MOST_HITS, Mode, SearchRequest, Sort
from search.application.retrieval import Hit, SearchResult
from search.application.similarity import MOST_SIMILAR
from search.domain.chunk_id import chunk_id
from search.domain.completion import LONGEST
from search.domain.cursor import Cursor
from search.domain.filters import MOST_CONDITIONS, parse_filters
from shared.artefacts.tables import chunk_markdown
from shared.web.cursors import read_cursor, write_cursor
from shared.web.page_box import PageBox, page_box
from shared.web.requests import BodyFields, CursorText, RequestFields
from shared.web.shapes import Shape

_DIGITS = 6
_LIST = "search"
"""Whose cursors these are; of which query is in them."""
_MOST_RECEIPT = 1_000_000
MOST_SUGGESTED = 20
_Query = Annotated[
    str,
    Field(
        description=f"What to look for; 1 to {LONGEST_QUERY:,} characters, not only spaces. "
        '"Phrases" in quotes come first, -words are left out.',
        examples=["노트북 관세율"],
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_QUERY, "pattern": r"\S"},
    ),
]


class SearchQuery(BodyFields):
    """The body of `POST /api/v1/search`."""

    query: _Query
    mode: Mode = "hybrid"
    """By words and meaning, by words alone, or by meaning alone."""
    limit: int = Field(default=10, ge=1, le=MOST_HITS)
    """How many hits a page has at most."""
    cursor: CursorText = None
    filters: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Field to value, list of values, or range; fields are `collection`, `document`, `name`, "
        "`media_type`, `language`, `received_at`, `page`, `metadata.*`; `and`, `or`, `not` hold filters again.",
        json_schema_extra={"maxProperties": MOST_CONDITIONS},
        examples=[{"collection": "default", "received_at": {"gte": "2026-01-01T00:00:00Z"}}],
    )
    facets: list[str] = Field(default_factory=list, max_length=MOST_FACETS)
    """Fields whose values are counted: `collection`, `media_type`, `language`, `metadata.*`."""
    group_by: Literal["document"] | None = None
    """`document`: the best chunk of each document only."""
    sort: Sort = "score"
    """`newest`, `oldest`: by when the document was received; what shares a word with the query, if anything does."""
    highlight: bool = True
    """Whether to mark what was found."""
    context: int = Field(default=0, ge=0, le=MOST_CONTEXT, description="Neighbouring chunks whose text comes along.")
    after: str | None = Field(
        default=None, max_length=_MOST_RECEIPT, description="Wait for these uploads first, at most 10 s."
    )
    explain: bool = False
    """Whether each hit says why it is where it is."""
    correct: bool = True
    """Whether words that stand nowhere are looked for as they were likely meant, too."""

    def to_request(self, visible: frozenset[str] | None) -> SearchRequest:
        """Raises InvalidInput for filters that mean nothing, WrongCursor."""
        return SearchRequest(
            query=self.query,
            mode=self.mode,
            limit=self.limit,
            cursor=_cursor(self.cursor),
            filters=parse_filters(self.filters),
            facets=tuple(dict.fromkeys(self.facets)),
            by_document=self.group_by == "document",
            sort=self.sort,
            highlight=self.highlight,
            context=self.context,
            after=self.after,
            explain=self.explain,
            correct=self.correct,
            visible=visible,
        )


class SearchParameters(RequestFields):
    """The query string of `GET /api/v1/search`."""

    q: _Query
    mode: Mode = Field(default="hybrid", description="By words and meaning, by words alone, or by meaning alone.")
    limit: int = Field(default=10, ge=1, le=MOST_HITS, description="How many hits a page has at most.")
    cursor: CursorText = None
    collection: str | None = Field(default=None, description="Only documents of this collection.")

    def to_request(self, visible: frozenset[str] | None) -> SearchRequest:
        """The same search as by POST. Raises WrongCursor."""
        filters: Mapping[str, str] = {} if self.collection is None else {"collection": self.collection}
        return SearchRequest(
            query=self.q,
            mode=self.mode,
            limit=self.limit,
            cursor=_cursor(self.cursor),
            filters=parse_filters(filters),
            visible=visible,
        )


class SuggestParameters(RequestFields):
    """The query string of `GET /api/v1/search/suggest`."""

    q: str = Field(min_length=1, max_length=LONGEST, pattern=r"\S", description="What has been typed so far.")
    limit: int = Field(default=8, ge=1, le=MOST_SUGGESTED, description="How many suggestions at most.")
    collection: str | None = Field(default=None, description="Only from documents of this collection.")


class SuggestedQuery(Shape):
    """How a query may go on."""

    text: str
    """The whole query."""
    kind: Literal["name", "heading", "word"]
    """Of a document's name, a heading, or words of texts."""
    count: int
    """Documents with this name or heading; chunks with this word."""


class Suggestions(Shape):
    """How a query may go on."""

    items: list[SuggestedQuery]
    """Names first, then headings, then words; in each the most frequent first."""
    took_ms: float
    """Milliseconds."""


class SimilarParameters(RequestFields):
    """The query string of `GET /api/v1/documents/{document_id}/similar`."""

    limit: int = Field(default=10, ge=1, le=MOST_SIMILAR, description="How many documents at most.")
    explain: bool = Field(default=False, description="Whether each hit says why it is where it is.")


class HitFirstPages(Shape):
    """What was searched of a document that is still being read, or could not be read to its end."""

    pages_done: int
    """So many pages, from the first on."""
    pages_total: int
    """So many there are."""


class HitDocument(Shape):
    """The document a hit is in."""

    id: str
    """A UUID."""
    name: str
    """The name it was uploaded with last."""
    collection: str
    """The collection it is in."""
    revision: int
    """The revision that was searched."""
    media_type: str
    """What its bytes are."""
    metadata: dict[str, JsonValue]
    """What the uploader said of it."""
    early: HitFirstPages | None
    """Null: the whole of it was searched."""


class HitContext(Shape):
    """The text around a chunk."""

    before: str
    """Of the chunks before."""
    after: str
    """Of the chunks after."""


class HitChunk(Shape):
    """The chunk that was found; offsets are code points of the document's text."""

    id: str
    """Names this chunk of this version of the document."""
    ordinal: int
    """Its place among the document's chunks, from 0."""
    kind: str
    """What it is: paragraph, heading, table, …"""
    text: str
    """Its text."""
    start: int
    """Where it begins in the document's text."""
    end: int
    """Where it ends, exclusive."""
    page: int | None
    """The page it begins on, from 1; null where there are none."""
    box: PageBox | None = None
    """Where it stands on that page; null where the format has no positions."""
    headings: list[str]
    """The headings it stands under, the outermost first."""
    markdown: str | None = None
    """The text with its tables as Markdown, each under its header; null where there is no table in it."""
    context: HitContext | None = Field(default=None, description="Only when `context` was asked for.")


class HitHighlight(Shape):
    """A stretch of `chunk.text` in code points, end exclusive."""

    start: int
    """The first code point."""
    end: int
    """The one after the last."""


class HitExplanation(Shape):
    """What each list said; null: not in it."""

    dense_score: float | None
    """Of the list by meaning, by the query's own vector."""
    sparse_score: float | None
    """Of the list by words."""
    dense_weight: float
    """How much the list by meaning counted."""
    sparse_weight: float
    """How much the list by words counted."""
    query_language: str | None
    """What the query was taken to be in."""
    rerank_score: float | None = None
    """What the reranker said, on its own scale; null: it reordered others, or none."""
    terms: list[str]
    """What of the query stands in the chunk, as it is written there, each once."""


class SearchHit(Shape):
    """One chunk, with the document it is in."""

    score: float = Field(description="0 to 1 within one answer.")
    document: HitDocument
    """The document it is in."""
    chunk: HitChunk
    """What was found."""
    highlights: list[HitHighlight]
    """What was found in the chunk's text."""
    explain: HitExplanation | None
    """Only when `explain` was asked for."""


class FacetValue(Shape):
    """How many matching documents have this value."""

    value: str | int | float | bool
    """The value."""
    count: int
    """Documents that have it."""


class SearchAnswer(Shape):
    """What a search found."""

    hits: list[SearchHit]
    """The best first."""
    facets: dict[str, list[FacetValue]]
    """By field, the fifty most frequent values first, counted in documents."""
    facets_are_exact: bool
    """Whether they count all documents that match; else the first 20,000, or those of the window."""
    total: Annotated[int, Field(description="Matches within the window of 1,000.")]
    total_is_exact: bool
    """Whether there are no more than `total`."""
    next_cursor: str | None
    """For `cursor` of the next page; null on the last one."""
    index_version: int
    """The state of the index that was searched; it grows with every change."""
    did_you_mean: str | None
    """The query as it was likely meant, when words of it stand nowhere: its hits are here too."""
    degraded: list[str] = Field(description="What was missing: `model`, `vectors`, `keyword`, `language`, `after`.")
    rerank_ms: float | None = None
    """What reordering the best took when this list was made; null: they are as they were fused."""
    took_ms: float
    """Milliseconds of this very request."""


def render(result: SearchResult, *, explain: bool, context: bool) -> bytes:
    """SearchAnswer as JSON, all but `took_ms`.

    Built by hand: validating our own answer would take about as long as finding it.
    """
    return _json(
        {
            "hits": [_hit(hit, explain=explain, context=context) for hit in result.hits],
            "facets": {
                name: [{"value": value, "count": count} for value, count in values]
                for name, values in result.facets.items()
            },
            "facets_are_exact": result.facets_are_exact,
            "total": result.total,
            "total_is_exact": result.total_is_exact,
            "next_cursor": result.next_cursor and write_cursor(_LIST, *astuple(result.next_cursor)),
            "index_version": result.index_version,
            "did_you_mean": result.did_you_mean,
            "rerank_ms": None if result.rerank_seconds is None else round(result.rerank_seconds * 1000, 2),
            "degraded": result.degraded,
        }
    )


def _json(answer: dict[str, Any]) -> bytes:
    try:
        return to_json(answer)
    except ValueError:
        # A label may hold half a surrogate pair, which no UTF-8 can.
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def with_time(body: bytes, seconds: float) -> bytes:
    """The rendered answer with the time that this very request took."""
    return body[:-1] + f',"took_ms":{seconds * 1000:.2f}}}'.encode()


def _cursor(text: str | None) -> Cursor | None:
    return None if text is None else Cursor(*read_cursor(text, _LIST, tuple[str, int, int]))


def _hit(hit: Hit, *, explain: bool, context: bool) -> dict[str, Any]:
    record, chunk, labels, early = hit.record, hit.record.chunk, hit.record.labels, hit.record.first_pages
    why = hit.explanation
    shown: dict[str, Any] = {
        "id": chunk_id(record.document_id, record.version, chunk.ordinal),
        "ordinal": chunk.ordinal,
        "kind": chunk.kind,
        "text": chunk.text,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "box": page_box(chunk),
        "headings": chunk.headings,
        "markdown": chunk_markdown(chunk),
    }
    if context:
        shown["context"] = {"before": record.before, "after": record.after}
    return {
        "score": round(hit.score, _DIGITS),
        "document": {
            "id": record.document_id,
            "name": labels.document_name,
            "collection": labels.collection,
            "revision": record.revision,
            "media_type": labels.media_type,
            "metadata": labels.metadata,
            "early": early and {"pages_done": early.done, "pages_total": early.total},
        },
        "chunk": shown,
        "highlights": [{"start": one.start, "end": one.end} for one in hit.highlights],
        "explain": {
            "dense_score": why.dense_score,
            "sparse_score": why.sparse_score,
            "dense_weight": why.weights.dense,
            "sparse_weight": why.weights.sparse,
            "query_language": why.language,
            "rerank_score": why.reranked,
            "terms": list(dict.fromkeys(chunk.text[one.start : one.end].lower() for one in why.found)),
        }
        if explain
        else None,
    }
