"""What crash tests send and expect: numbered files that can each be looked for, and a sender that never gives up."""

import threading
import time
from typing import Any

import httpx

from benchmarks.server import RunningServer


def numbered_files(count: int) -> dict[str, bytes]:
    """Each names itself with a word of its own, in Korean or English, so that it can be looked for."""
    return {
        f"{number:04}.txt": (
            f"File marker{number:04}x tells of tariffs, quotas and the harbour of {number}.\n"
            if number % 4
            else f"문서 marker{number:04}x 는 관세율과 원산지 증명서에 관한 안내입니다.\n"
        ).encode()
        for number in range(count)
    }


class Uploader(threading.Thread):
    """Sends every file until it is accepted, whatever happens to the server meanwhile."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(daemon=True)
        self._left = dict(files)
        self.ids: dict[str, str] = {}
        self.url: str | None = None

    def run(self) -> None:
        """Until all are accepted."""
        while self._left:
            url = self.url
            if url is None:
                time.sleep(0.01)
                continue
            try:
                with httpx.Client(base_url=url, timeout=30) as client:
                    for name, content in list(self._left.items()):
                        answer = client.put(f"/api/v1/documents/default/{name}", content=content).raise_for_status()
                        self.ids[name] = answer.json()["id"]
                        del self._left[name]
            except httpx.HTTPError:
                if self.url == url:
                    self.url = None


def _search_hits(server: RunningServer, marker: str) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = server.search(marker, mode="keyword", limit=100)["hits"]
    return [hit for hit in hits if marker in hit["chunk"]["text"]]


def check_everything(server: RunningServer, files: dict[str, bytes], ids: dict[str, str]) -> None:
    """Each file is one searchable document and found by its word, and nothing lies among the dead letters."""
    server.wait_until_searchable(len(files), timeout_seconds=180)
    listed = server.client.get("/api/v1/collections").json()["items"][0]["documents"]
    assert {status: count for status, count in listed.items() if count} == {"searchable": len(files)}
    assert len(set(ids.values())) == len(files)
    for name in files:
        marker = f"marker{name[:4]}x"
        hits = _search_hits(server, marker)
        assert [hit["document"]["id"] for hit in hits] == [ids[name]], f"{marker}: {len(hits)} hits"
    assert server.client.get("/api/v1/monitor/dead-letters").json()["items"] == []
