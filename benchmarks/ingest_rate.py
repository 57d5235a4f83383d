"""S5: documents a second from first upload to all searchable, over HTTP, against the raw engine."""

import time
from types import SimpleNamespace
from typing import Final

from benchmarks.figures import Figure, at_least
from benchmarks.raw_engine import encode_raw, raw_engine
from benchmarks.server import RunningServer, a_server
from benchmarks.texts import abstracts, long_documents
from process.domain.passages import passage_text

_LONG: Final = 60
_ABSTRACTS: Final = 1_000


def _passages(server: RunningServer) -> list[str]:
    """What was embedded: every chunk of every document with its headings before it."""
    texts = []
    cursor = None
    while True:
        parameters = {"limit": 100, **({"cursor": cursor} if cursor else {})}
        listed = server.client.get("/api/v1/documents", params=parameters).raise_for_status().json()
        for document in listed["items"]:
            chunks = server.client.get(f"/api/v1/documents/{document['id']}/chunks", params={"limit": 100})
            for chunk in chunks.raise_for_status().json()["items"]:
                texts.append(passage_text(None, SimpleNamespace(text=chunk["text"], headings=tuple(chunk["headings"]))))
        cursor = listed["next_cursor"]
        if not cursor:
            return texts


def _measure(what: str, files: list[tuple[str, bytes]], limit: float) -> Figure:
    with a_server() as server:
        # The model is loaded and the parsers are warm, as in a server that has been at work.
        server.upload([("first.txt", b"The first document wakes the model.")])
        server.wait_until_searchable(1)
        server.search("first document")
        started = time.perf_counter()
        server.upload(files)
        server.wait_until_searchable(len(files) + 1)
        rate = len(files) / (time.perf_counter() - started)
        texts = _passages(server)
    engine = raw_engine()
    encode_raw(engine, texts[:32])
    started = time.perf_counter()
    encode_raw(engine, texts)
    raw = len(files) / (time.perf_counter() - started)
    return at_least("S5", what, rate, "documents/s", raw, limit, f"{len(texts)} chunks")


def measure() -> list[Figure]:
    """Both kinds of document."""
    return [
        _measure("ingest of documents of 10 chunks and more", long_documents(_LONG), 0.85),
        _measure("ingest of 1,000 one-chunk abstracts", abstracts(_ABSTRACTS), 0.7),
    ]
