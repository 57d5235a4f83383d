"""A shelf of more than 10,000 chunks to ask: KorQuAD's, science's and MS MARCO's passages, each set a collection.

Indexing takes minutes. `SEOGA_BENCH_SHELF=FOLDER` keeps it there for the next time.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.retrieval import upload_set
from benchmarks.server import RunningServer, a_server

SETS: Final = ("korquad", "msmarco_en", "msmarco_ko", "sci_ko")
_WHOLE: Final = "shelf-is-whole"


@contextmanager
def a_full_shelf(**environment: str) -> Iterator[RunningServer]:
    """A server with these settings whose documents are all searchable."""
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as fresh:
        folder = Path(os.environ.get("SEOGA_BENCH_SHELF", fresh))
        folder.mkdir(parents=True, exist_ok=True)
        mark = folder / _WHOLE
        if not mark.exists():
            with a_server(folder) as server:
                for name in SETS:
                    upload_set(server, name)
            mark.touch()
        # Started again: what is measured is no server that has just indexed.
        with a_server(folder, nothing_built=False, **environment) as server:
            yield server


def document_count(server: RunningServer) -> int:
    """Of all sets; each document has a chunk or more."""
    listed = server.client.get("/api/v1/collections").json()["items"]
    return sum(item["documents"]["searchable"] for item in listed)
