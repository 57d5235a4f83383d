"""What a deleted document leaves: its id, that it was withdrawn, and nothing that it was."""

import json
import sqlite3
from pathlib import Path

from document_store_builders import a_document, on_sqlite, saved

from ingest.domain.standing import Failure, Standing
from ingest.infrastructure.mongo_document_rows import advancing

KNOWN = Standing(
    3,
    withdrawn_version=4,
    warnings=("Page 2 is damaged.",),
    language="ko",
    chunks_artefact="artefacts/ab/abc",
    failure=Failure("corrupt", "The file secret.pdf is damaged.", "parse", retryable=False),
    indexed_version=3,
)


def test_a_standing_forgets_what_was_found_out() -> None:
    assert KNOWN.gone(3) is KNOWN
    assert KNOWN.gone(4) == Standing(3, withdrawn_version=4, removed=True)


async def test_no_name_and_no_hash_stays_in_the_file(tmp_path: Path) -> None:
    document = a_document("the secret text", "a secret name.txt")
    sha256 = document.content.sha256
    async with on_sqlite(tmp_path) as stored:
        document = await saved(stored, document)
        document.withdraw()
        await saved(stored, document)
        assert await stored.store.advance(document.id, lambda it: it.gone(2))
    connection = sqlite3.connect(tmp_path / "ingest.sqlite")
    rows = json.dumps(connection.execute("SELECT * FROM documents").fetchall())
    connection.close()
    assert document.id in rows
    assert "secret name" not in rows
    assert sha256 not in rows


def test_no_finding_and_no_name_stays_on_a_server() -> None:
    change = advancing(KNOWN, KNOWN.gone(4))
    gone = {"standing.warnings", "standing.language", "standing.chunks_artefact", "standing.failure"}
    assert gone | {"sort_name", "part_path", "metadata"} <= change["$unset"].keys()
    assert change["$set"]["standing.removed"] is True
    assert (change["$set"]["names"], change["$set"]["revisions"]) == ([], [])
