"""Documents as the command line means them: by id or by name, and lists of all pages."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import httpx

from ingest.domain.media_types import CSV, DOCX, HTML, HWP, HWPX, MARKDOWN, PDF, PPTX, TEXT, TSV, XLSX
from shared.kernel import InvalidInput, NotFound
from shared.runtime.client import json_of

DOCUMENTS: Final = "/api/v1/documents"
PAGE: Final = 200
TYPES: Final = {
    "pdf": PDF,
    "docx": DOCX,
    "xlsx": XLSX,
    "pptx": PPTX,
    "hwp": HWP,
    "hwpx": HWPX,
    "html": HTML,
    "markdown": MARKDOWN,
    "md": MARKDOWN,
    "csv": CSV,
    "tsv": TSV,
    "text": TEXT,
    "txt": TEXT,
}
"""Short names of media types."""


def pages(client: httpx.Client, path: str, filters: Mapping[str, str | None]) -> Iterator[dict[str, Any]]:
    """Every page of a list, asked for as it is needed. Raises ApiProblem."""
    parameters = {"limit": str(PAGE), **{name: value for name, value in filters.items() if value is not None}}
    while True:
        page: dict[str, Any] = json_of(client.get(path, params=parameters))
        yield page
        if page["next_cursor"] is None:
            return
        parameters["cursor"] = page["next_cursor"]


def documents(
    client: httpx.Client, filters: Mapping[str, str | None], *, media_type: str | None = None
) -> Iterator[dict[str, Any]]:
    """Of all pages, in the order of their `sort`; a `media_type` that ends with `/` is every type that begins so."""
    for page in pages(client, DOCUMENTS, filters):
        for document in page["items"]:
            kind = document["media_type"] or ""
            if media_type is None or kind == media_type or (media_type.endswith("/") and kind.startswith(media_type)):
                yield document


def media_type_named(name: str) -> str:
    """A media type by its short name, or itself. Raises InvalidInput."""
    name = name.lower()
    if "/" in name:
        return name.removesuffix("*")
    if name not in TYPES:
        raise InvalidInput(f"{name!r} is no type: name one of {', '.join(TYPES)}, or a media type such as `text/*`.")
    return TYPES[name]


def find(client: httpx.Client, reference: str, collection: str | None) -> dict[str, Any]:
    """The document with this id, or else the one that has this name, in this collection where one is given.

    Raises NotFound, InvalidInput where several have the name, ApiProblem.
    """
    if (document_id := _as_id(reference)) is not None:
        document: dict[str, Any] = json_of(client.get(f"{DOCUMENTS}/{document_id}"))
        return document
    having = [
        document
        for document in documents(client, {"name": reference, "collection": collection})
        if reference in document["names"]
    ]
    if not having:
        where = f" in {collection}" if collection is not None else ""
        raise NotFound(f"There is no document named {reference!r}{where}; `seoga documents list` shows what there is.")
    if len(having) > 1:
        ids = ", ".join(f"{document['id']} in {document['collection']}" for document in having[:5])
        raise InvalidInput(f"Several documents are named {reference!r}: {ids}. Give the id, or --collection.")
    return having[0]


def _as_id(reference: str) -> str | None:
    try:
        return str(UUID(reference))
    except ValueError:
        return None
