"""Files made to break parsers, one after another: each ends, and the server never notices."""

import json
import time
from pathlib import Path

import pytest

from benchmarks.server import a_server, data_folder
from benchmarks.texts import long_documents

_FOLDER = data_folder() / "hostile" / "files"
_MOST_SECONDS = 30
_MOST_GROWTH = 100 << 20


@pytest.mark.chaos
@pytest.mark.timeout(3_600)
@pytest.mark.skipif(not _FOLDER.is_dir(), reason="no hostile files: SEOGA_TEST_DATA names a folder that holds them")
def test_every_hostile_file_ends_and_the_server_stays_as_it_was(tmp_path: Path) -> None:
    with a_server(tmp_path) as server:
        # With long ones too: what the engine keeps after its first batches is no growth by what is read afterwards.
        good = [("good.txt", b"A good note on tariffs."), *long_documents(6)]
        server.upload(good, collection="good")
        server.wait_until_searchable(len(good), collection="good")
        before, slowest = server.process.memory_info().rss, 0.0
        for file in sorted(_FOLDER.iterdir()):
            started = time.monotonic()
            answer = server.client.put(f"/api/v1/documents/hostile/{file.name}", content=file.read_bytes())
            if answer.status_code in (415, 422):
                assert answer.json()["detail"]
                continue
            document = answer.raise_for_status().json()
            while document["status"] not in ("searchable", "failed"):
                time.sleep(0.05)
                document = server.client.get(f"/api/v1/documents/{document['id']}").raise_for_status().json()
                assert time.monotonic() - started < _MOST_SECONDS, f"{file.name}: {json.dumps(document)}"
            slowest = max(slowest, time.monotonic() - started)
            assert document["status"] == "searchable" or document["problem"]["detail"], document
        assert server.client.get("/api/v1/monitor/dead-letters").json()["items"] == []
        assert server.search("note on tariffs", filters={"collection": "good"})["hits"]
        assert server.process.memory_info().rss - before <= _MOST_GROWTH
        print(f"slowest: {slowest:.1f} s")
