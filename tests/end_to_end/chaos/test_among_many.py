"""Files nobody can read and events that meet a bug, among many good ones: each ends as it must, and holds up none."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from builders import eventually
from main import Application
from shared.events.ingest import DocumentReceived
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.vocabulary import PROCESS

_UNREADABLE = 5
_STRUCK = 5
_GOOD = 490


class _Bug:
    """A handler of Process that cannot bear some documents, until it is mended."""

    def __init__(self, application: Application) -> None:
        self.strikes = True
        for place, plug in enumerate(application.plugs):
            if plug.name == PROCESS:
                self._handle = plug.subscriptions[DocumentReceived]
                application.plugs[place] = replace(
                    plug, subscriptions={**plug.subscriptions, DocumentReceived: self._handle_but}
                )

    async def _handle_but(self, event: DocumentReceived) -> None:
        if self.strikes and event.labels.document_name.startswith("struck"):
            raise KeyError("a bug")
        await self._handle(event)


async def _upload(client: httpx.AsyncClient, name: str, content: str) -> str:
    answer = await client.put(f"/api/v1/documents/default/{name}", content=content.encode())
    document_id: str = answer.raise_for_status().json()["id"]
    return document_id


async def _documents(client: httpx.AsyncClient, ids: Iterable[str]) -> list[dict[str, Any]]:
    return [(await client.get(f"/api/v1/documents/{one}")).raise_for_status().json() for one in ids]


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_five_unreadable_files_and_five_poisoned_events_among_500(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path)
    with directory.hold():
        application = Application(load_settings(data_dir=tmp_path), directory)
        bug = _Bug(application)
        transport = httpx.ASGITransport(application.web)
        async with application.running(), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

            async def standing() -> dict[str, int]:
                (listed,) = (await client.get("/api/v1/collections")).raise_for_status().json()["items"]
                return {status: count for status, count in listed["documents"].items() if count}

            async def letters() -> list[dict[str, Any]]:
                items: list[dict[str, Any]] = (
                    await client.get("/api/v1/monitor/dead-letters", params={"limit": 100})
                ).json()["items"]
                return items

            struck, unreadable = [], []
            for number in range(_GOOD):
                await _upload(client, f"good-{number}.txt", f"Bonded warehouse {number} keeps notebooks.")
                if number % 98 == 0:
                    unreadable.append(
                        await _upload(client, f"broken-{number}.pdf", f"%PDF-1.4\nnot really one: {number}\n")
                    )
                    struck.append(await _upload(client, f"struck-{number}.txt", f"A struck harbour, number {number}."))

            async def at_rest() -> bool:
                assert await standing() == {"searchable": _GOOD, "failed": _UNREADABLE + _STRUCK}
                assert len(await letters()) == _STRUCK
                return True

            await eventually(at_rest, timeout_seconds=300, every_seconds=0.5)
            for document in await _documents(client, unreadable):
                assert document["problem"]["code"] and document["problem"]["detail"], document
            for document in await _documents(client, struck):
                assert "a bug" in document["problem"]["detail"], document
            assert {letter["document_id"] for letter in await letters()} == set(struck)

            bug.strikes = False
            for letter in await letters():
                answer = await client.post(f"/api/v1/monitor/dead-letters/{letter['id']}/replay")
                assert answer.status_code == 202, answer.text

            async def mended() -> bool:
                assert await standing() == {"searchable": _GOOD + _STRUCK, "failed": _UNREADABLE}
                return True

            await eventually(mended, timeout_seconds=60, every_seconds=0.2)
            found = await client.post("/api/v1/search", json={"query": "struck harbour", "mode": "keyword"})
            assert {hit["document"]["id"] for hit in found.json()["hits"]} == set(struck)
