"""Steps that end-to-end tests share: upload, wait, search."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx


def upload(
    client: httpx.Client, name: str, content: bytes | str, *, collection: str = "default", **parameters: Any
) -> dict[str, Any]:
    """PUTs one document; its answer's document. Raises on an error status."""
    answer = client.put(
        f"/api/v1/documents/{collection}/{name}",
        content=content.encode() if isinstance(content, str) else content,
        **parameters,
    )
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def wait_for(
    client: httpx.Client,
    document_id: str,
    *statuses: str,
    timeout_seconds: float = 60,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The document once its status is one of `statuses` (default: searchable)."""
    wanted = statuses or ("searchable",)
    for is_over in _looks(timeout_seconds):
        document: dict[str, Any] = (
            client.get(f"/api/v1/documents/{document_id}", headers=headers).raise_for_status().json()
        )
        if document["status"] in wanted:
            return document
        assert not is_over, f"still {document['status']}, {document['problem']}"
    raise AssertionError  # looks have no end


def journey_of(
    client: httpx.Client,
    document_id: str,
    is_whole: Callable[[dict[str, Any]], bool],
    *,
    timeout_seconds: float = 60,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """What Monitor tells of a document, once it has heard enough: it hears a moment after everyone else."""
    for is_over in _looks(timeout_seconds):
        answer = client.get(f"/api/v1/monitor/journeys/{document_id}", headers=headers)
        journey: dict[str, Any] = answer.json()
        if answer.status_code == 200 and is_whole(journey):
            return journey
        assert not is_over, answer.text
    raise AssertionError  # looks have no end


def becomes(condition: Callable[[], Any], *, timeout_seconds: float = 60, every_seconds: float = 0.05) -> None:
    """Waits for it; an AssertionError inside counts as not yet."""
    said: object = "it did not come"
    for is_over in _looks(timeout_seconds, every_seconds):
        try:
            if condition():
                return
        except AssertionError as error:
            said = error
        assert not is_over, said


def delete(client: httpx.Client, document_id: str, *, headers: dict[str, str] | None = None) -> None:
    """Until it is gone from search; a busy server answers before that."""
    path = f"/api/v1/documents/{document_id}"
    answer = client.delete(path, headers=headers)
    assert answer.status_code in (202, 204), answer.text
    if answer.status_code == 202:
        becomes(lambda: client.get(path, headers=headers).status_code == 404)


def _looks(timeout_seconds: float, every_seconds: float = 0.02) -> Iterator[bool]:
    """A turn each, without end: whether it is the last. A standstill of the machine uses up a second at most."""
    left = timeout_seconds
    while True:
        began = time.monotonic()
        yield left <= 0
        time.sleep(every_seconds)
        left -= min(time.monotonic() - began, max(1.0, every_seconds))


def handed_over(page: Any, name: str) -> None:
    """Waits until a page has sent the files of this name in its queue: who leaves it before is asked by the browser."""
    page.wait_for_function(
        "(name) => { const rows = [...document.querySelectorAll('#queue li')]"
        ".filter((row) => row.textContent.includes(name));"
        " return rows.length && rows.every((row) => !['waiting', 'sending'].includes(row.dataset.state)); }",
        arg=name,
    )


def search(client: httpx.Client, query: str, **options: Any) -> dict[str, Any]:
    """One search; raises on an error status."""
    answer: dict[str, Any] = client.post("/api/v1/search", json={"query": query, **options}).raise_for_status().json()
    return answer


def found_names(client: httpx.Client, query: str, **options: Any) -> list[str]:
    """The names of the documents found, best first."""
    return [hit["document"]["name"] for hit in search(client, query, **options)["hits"]]
