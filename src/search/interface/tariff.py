"""The HTTP door of tariff codes: found by what goods are, one with its documents, spotted in a text."""

from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from search.application.tariff import (
    LONGEST_DESCRIPTION,
    MOST_CHARACTERS,
    MOST_FOUND,
    CodeDetail,
    FoundCode,
    Tariff,
)
from search.application.tariff_mentions import Mentioning, MentioningDocument, TariffMentions
from search.domain.tariff.nomenclature import Entry
from shared.tariff.codes import display
from shared.tariff.spotting import Mention
from shared.web import problems
from shared.web.access import Access, Principal
from shared.web.requests import BodyFields, RequestFields
from shared.web.shapes import Shape

_DIGITS: Final = 4
_MOST_DOCUMENTS: Final = 20
_ANY_TEXT: Final = {"minLength": 1, "pattern": r"\S"}


class HsCodesQuery(RequestFields):
    """The query string of `GET /api/v1/hs-codes`."""

    q: str = Field(
        max_length=LONGEST_DESCRIPTION,
        min_length=1,
        pattern=r"\S",
        description="Goods, in Korean or English, or the beginning of a code.",
        examples=["노트북", "laptop computer", "8471"],
    )
    level: Literal["2", "4", "6", "10"] = Field(
        default="6", description="Digits: chapters (2), headings (4), subheadings (6) or national lines (10)."
    )
    limit: int = Field(default=10, ge=1, le=MOST_FOUND, description="How many codes at most.")


class HsCodeName(Shape):
    """A code by its titles."""

    code: str
    """Its digits."""
    display: str
    """As it is written: `8471.30-0000`."""
    level: int
    """How many digits it has."""
    title_ko: str | None
    """In Korean; null where the Korean tariff divides it further and gives it no title of its own."""
    title_en: str | None
    """In English."""
    goods_ko: str | None
    """What Korea's statistics call such goods."""


class HsCodeFound(HsCodeName):
    """A code for the goods that were asked for."""

    path: list[HsCodeName]
    """What it belongs to, the chapter first."""
    score: float
    """How much of what was asked its titles account for, 0 to 1."""
    confidence: float
    """How often such a code is the right one, 0 to 1."""


class HsCodes(Shape):
    """Codes, the best first."""

    items: list[HsCodeFound]
    """At most `limit`."""


class HsChapters(Shape):
    """All chapters."""

    items: list[HsCodeName]
    """In the order of their numbers."""


class HsMention(Shape):
    """A document that mentions the code or one below it."""

    id: str
    """The document's id."""
    name: str
    """Its name."""
    collection: str
    """Its collection."""
    revision: int
    """Which revision of it."""
    page: int | None
    """Where it is mentioned first in the chunk that has it; null where there are no pages."""
    surface: str
    """The code as it stands there."""
    start: int
    """Where it begins in the document's text, in code points."""
    end: int
    """Where it ends."""
    count: int
    """Mentions in that chunk."""


class HsMentions(Shape):
    """The shelf's documents that mention the code or one below it, of the collections that the key may see."""

    total: int
    """How many there are, as far as they were counted."""
    total_is_exact: bool
    """Whether all were counted."""
    documents: list[HsMention]
    """The first of them, the most telling ones."""


class HsCodeDetail(HsCodeName):
    """What stands behind a code."""

    known: bool
    """Whether it is in the nomenclature; else it is of an older edition."""
    path: list[HsCodeName]
    """What it belongs to, the chapter first."""
    children: list[HsCodeName]
    """The next level below it."""
    unit: str | None
    """Of quantity and weight, as the Korean tariff counts them."""
    valid_from: date | None
    """Since when the national line has stood in the Korean tariff so."""
    valid_to: date | None
    """The end of the year that the packaged tariff is of."""
    superseded_by: list[HsCodeName]
    """What took the place of an older code."""
    mentions: HsMentions
    """Which documents speak of it."""


class HsText(BodyFields):
    """A text to look through."""

    text: str = Field(max_length=MOST_CHARACTERS, description="The text.", examples=["HS 8471.30에 분류된다."])


class HsSpan(Shape):
    """A code in the text; places are code points."""

    start: int
    """Where it begins."""
    end: int
    """Where it ends."""
    surface: str
    """As it stands there."""
    code: str
    """Its digits."""
    display: str
    """As it is usually written."""
    level: int
    """How many digits it has."""
    known: bool
    """Whether it is in the nomenclature."""
    superseded_by: list[str]
    """Codes that took its place, of one of an older edition."""
    confidence: float
    """How often such a mention is one of a tariff code, 0 to 1."""


class HsSpans(Shape):
    """What was spotted."""

    spans: list[HsSpan]
    """In the order of the text."""


def add_tariff_routes(router: APIRouter, *, tariff: Tariff, mentions: TariffMentions, access: Access) -> None:
    """Adds `/api/v1/hs-codes` and what is below it."""

    @router.get(
        "/api/v1/hs-codes",
        summary="Tariff codes for goods",
        responses=problems.responses(401, 403, 422, 503),
        operation_id="find_hs_codes",
    )
    async def find(query: Annotated[HsCodesQuery, Query()], _: Annotated[Principal, Depends(access.reader)]) -> HsCodes:
        """Looks goods up by the words of the nomenclature, Korean or English, or lists what begins with a code."""
        found = await tariff.find(query.q, level=int(query.level), limit=query.limit)
        return HsCodes(items=[_found(one) for one in found])

    @router.get(
        "/api/v1/hs-codes/chapters",
        summary="The chapters of the nomenclature",
        responses=problems.responses(401, 403, 503),
        operation_id="hs_chapters",
    )
    async def chapters(_: Annotated[Principal, Depends(access.reader)]) -> HsChapters:
        """Where the tree begins; what is below a code, its detail tells."""
        return HsChapters(items=_names(tuple(await tariff.chapters())))

    @router.post(
        "/api/v1/hs-codes/spot",
        summary="Tariff codes in a text",
        responses=problems.responses(400, 401, 403, 413, 422, 503),
        operation_id="spot_hs_codes",
    )
    async def spot(request: HsText, _: Annotated[Principal, Depends(access.reader)]) -> HsSpans:
        """Finds every code that is written in it, and tells codes from dates, amounts, telephones and laws."""
        nomenclature = await tariff.nomenclature()
        return HsSpans(
            spans=[_span(one, nomenclature.superseded_by(one.code)) for one in await tariff.spot(request.text)]
        )

    @router.get(
        "/api/v1/hs-codes/{code}",
        summary="What stands behind a tariff code",
        responses=problems.responses(401, 403, 404, 422, 503),
        operation_id="hs_code",
    )
    async def detail(
        code: Annotated[str, Path(description="A code in any writing: `8471.30`, `847130`.", max_length=64)],
        principal: Annotated[Principal, Depends(access.reader)],
    ) -> HsCodeDetail:
        """Its place among others, its names, what is below it, and the documents that mention it."""
        found = await tariff.detail(code)
        return _detail(found, await mentions.of(found.code, visible=principal.visible))


def _name(entry: Entry) -> dict[str, object]:
    return {
        "code": entry.code,
        "display": display(entry.code),
        "level": entry.level,
        "title_ko": entry.title_ko,
        "title_en": entry.title_en,
        "goods_ko": entry.goods_ko,
    }


def _names(entries: tuple[Entry, ...]) -> list[HsCodeName]:
    return [HsCodeName.model_validate(_name(one)) for one in entries]


def _found(one: FoundCode) -> HsCodeFound:
    return HsCodeFound.model_validate(
        {
            **_name(one.entry),
            "path": _names(one.path[:-1]),
            "score": round(one.score, _DIGITS),
            "confidence": round(one.confidence, _DIGITS),
        }
    )


def _detail(found: CodeDetail, mentioning: Mentioning) -> HsCodeDetail:
    entry = found.entry or Entry(found.code, None, None, None, None, None, None)
    return HsCodeDetail.model_validate(
        {
            **_name(entry),
            "known": found.standing == "current",
            "path": _names(tuple(one for one in found.path if one.code != found.code)),
            "children": _names(found.children),
            "unit": entry.unit,
            "valid_from": entry.valid_from,
            "valid_to": entry.valid_to,
            "superseded_by": _names(found.superseded_by),
            "mentions": HsMentions(
                total=len(mentioning.documents),
                total_is_exact=mentioning.is_all,
                documents=[_mention(one) for one in mentioning.documents[:_MOST_DOCUMENTS]],
            ),
        }
    )


def _mention(one: MentioningDocument) -> HsMention:
    record, first = one.record, one.mentions[0]
    return HsMention(
        id=record.document_id,
        name=record.labels.document_name,
        collection=record.labels.collection,
        revision=record.revision,
        page=record.chunk.page,
        surface=first.surface,
        start=record.chunk.start + first.start,
        end=record.chunk.start + first.end,
        count=len(one.mentions),
    )


def _span(one: Mention, successors: tuple[str, ...]) -> HsSpan:
    return HsSpan(
        start=one.start,
        end=one.end,
        surface=one.surface,
        code=one.code,
        display=display(one.code),
        level=len(one.code),
        known=one.standing == "current",
        superseded_by=list(successors),
        confidence=round(one.confidence, _DIGITS),
    )
