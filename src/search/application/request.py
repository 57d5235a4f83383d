"""A search as it is asked, checked for what no index could answer."""

from dataclasses import astuple, dataclass
from functools import cached_property
from typing import Final, Literal

from search.domain.cursor import Cursor, query_hash
from search.domain.filters import Condition, Filters, filters_key
from search.domain.metadata_paths import is_metadata
from shared.kernel import FieldError, InvalidInput, NotFound
from shared.web.cursors import WrongCursor

Mode = Literal["hybrid", "keyword", "vector"]
Sort = Literal["score", "newest", "oldest"]
LONGEST_QUERY: Final = 2000
MOST_HITS: Final = 100
MOST_CONTEXT: Final = 5
MOST_FACETS: Final = 10
FACET_FIELDS: Final = ("collection", "media_type", "language", "metadata.*")


@dataclass(frozen=True)
class SearchRequest:
    """`visible` are the collections that the asking person may see; None is all.

    What follows from its fields is worked out once: a search asks for it in several places.
    """

    query: str
    mode: Mode = "hybrid"
    limit: int = 10
    cursor: Cursor | None = None
    filters: Filters = ()
    facets: tuple[str, ...] = ()
    by_document: bool = False
    highlight: bool = True
    context: int = 0
    after: str | None = None
    explain: bool = False
    sort: Sort = "score"
    correct: bool = True
    """Whether words that stand nowhere are looked for as they were likely meant."""
    visible: frozenset[str] | None = None

    def check(self) -> None:
        """Raises InvalidInput naming what is wrong, NotFound for a collection that is not theirs to see.

        Raises WrongCursor for one of another query.
        """
        errors = []
        if not self.query.strip():
            errors.append(FieldError("query", "say what to look for; there are only spaces"))
        if len(self.query) > LONGEST_QUERY:
            errors.append(
                FieldError("query", f"at most {LONGEST_QUERY:,} characters; this one has {len(self.query):,}")
            )
        if not 1 <= self.limit <= MOST_HITS:
            errors.append(FieldError("limit", f"from 1 to {MOST_HITS}"))
        if not 0 <= self.context <= MOST_CONTEXT:
            errors.append(FieldError("context", f"from 0 to {MOST_CONTEXT}"))
        if len(self.facets) > MOST_FACETS:
            errors.append(FieldError("facets", f"at most {MOST_FACETS}"))
        errors.extend(
            FieldError("facets", f"no facet {facet!r}; there are {', '.join(FACET_FIELDS)}")
            for facet in self.facets
            if facet not in FACET_FIELDS and not is_metadata(facet)
        )
        if errors:
            raise InvalidInput("; ".join(f"{error.field}: {error.message}" for error in errors), errors=errors)
        for name in self.collections:
            if self.visible is not None and name not in self.visible:
                raise NotFound(f"There is no collection named {name!r}.", code="collection_not_found")
        if self.cursor is not None and not any(map(self.cursor.fits, (self.ranking_hash, self.fused_ranking_hash))):
            raise WrongCursor

    @cached_property
    def collections(self) -> tuple[str, ...]:
        """Those that all hits are to be in one of, by name."""
        return tuple(
            str(value)
            for condition in self.filters
            if isinstance(condition, Condition) and condition.field == "collection"
            for value in condition.any_of
        )

    @property
    def searched(self) -> frozenset[str] | None:
        """The collections that hits can come from; None: all."""
        return frozenset(self.collections) or self.visible

    @cached_property
    def allowed_filters(self) -> Filters:
        """Its filters, and the collections it may see when it names none."""
        if self.visible is None or self.collections:
            return self.filters
        return (*self.filters, Condition("collection", any_of=tuple(sorted(self.visible))))

    @cached_property
    def ranking_hash(self) -> str:
        """Names what decides the order of the hits: requests with the same name share cursors."""
        filters = filters_key(self.allowed_filters)
        return query_hash(self.query, self.mode, filters, self.by_document, self.correct, self.sort)

    @property
    def fused_ranking_hash(self) -> str:
        """Names the same list where a reranker should have reordered it and could not."""
        return query_hash(self.ranking_hash, "as fused")

    @property
    def answer_hash(self) -> str:
        """Names everything that shapes the answer, but not what it waits for."""
        cursor = self.cursor and astuple(self.cursor)
        return query_hash(
            self.ranking_hash, self.limit, cursor, list(self.facets), self.highlight, self.context, self.explain
        )
