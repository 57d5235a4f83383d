"""`/api/v1/search/lexicon`: synonyms, and words that belong together."""

from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends
from pydantic import Field

from search.application.lexicons import Lexicons
from search.application.ports.lexicons import KeptLexicon
from search.domain.lexicon import LONGEST, MOST_GROUPS, MOST_MEMBERS, MOST_WORDS, lexicon
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import BodyFields
from shared.web.shapes import Shape

_URL: Final = "/api/v1/search/lexicon"
_Word = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class LexiconRequest(BodyFields):
    """The body of `PUT /api/v1/search/lexicon`: all of it, in the place of what was there."""

    synonyms: list[Annotated[list[_Word], Field(min_length=2, max_length=MOST_MEMBERS)]] = Field(
        default_factory=list, max_length=MOST_GROUPS, examples=[[["노트북", "랩톱", "laptop", "휴대용 컴퓨터"]]]
    )
    """Groups of words that are found by one another."""
    words: list[_Word] = Field(default_factory=list, max_length=MOST_WORDS)
    """Words that belong together as they are written."""
    version: int | None = Field(default=None, ge=0)
    """Of the lexicon that this one is made from: refused when another one counts by now."""


class LexiconAnswer(Shape):
    """The lexicon of the installation."""

    version: int
    """Rises with every change."""
    synonyms: list[list[str]]
    """Groups of words that are found by one another."""
    words: list[str]
    """Words that belong together as they are written."""

    @classmethod
    def of(cls, kept: KeptLexicon) -> Self:
        """From the use case's."""
        synonyms = [list(group) for group in kept.lexicon.synonyms]
        return cls(version=kept.version, synonyms=synonyms, words=list(kept.lexicon.words))


def add_lexicon_routes(router: APIRouter, *, lexicons: Lexicons, access: Access) -> None:
    """Adds them to the router of Search."""

    @router.get(
        _URL, summary="Synonyms and words of the house", responses=problems.responses(401, 403, 503),
        operation_id="get_lexicon",
    )  # fmt: skip
    async def get_lexicon(_: Annotated[Principal, Depends(access.reader)]) -> LexiconAnswer:
        """What queries are read by, of every collection."""
        return LexiconAnswer.of(await lexicons.get())

    @router.put(
        _URL, summary="Change synonyms and words of the house",
        responses=problems.responses(401, 403, 409, 422, 503), operation_id="put_lexicon",
    )  # fmt: skip
    async def put_lexicon(request: LexiconRequest, _: Annotated[Principal, Depends(access.operator)]) -> LexiconAnswer:
        """Counts for the next search, in every process; nothing is indexed anew."""
        wanted = lexicon(request.synonyms, request.words)
        return LexiconAnswer.of(await lexicons.put(wanted, after=request.version))
