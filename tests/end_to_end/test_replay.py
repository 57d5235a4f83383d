"""Documents whose jobs were given up for want of threads come back by one command."""

import asyncio
import io
import sys
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from journeys import found_names, upload, wait_for

from builders import eventually
from shared.events.delivery import EventDeadLettered
from shared.infrastructure.sqlite.database import SqliteDatabase, SqliteFacts
from shared.infrastructure.sqlite.jobs import SqliteJobs
from shared.vocabulary import PROCESS, PROCESS_JOB

REASON = "RuntimeError: can't start new thread"


async def _give_up_everything(data_dir: Path, count: int) -> None:
    """As a server left it that took a shortage for a fault of the documents."""
    schema = SqliteJobs.SCHEMA + SqliteFacts.SCHEMA
    async with SqliteDatabase(data_dir / "process.sqlite", schema) as database:
        jobs = SqliteJobs(database, SqliteFacts(database, PROCESS))
        given_up = 0

        async def give_up() -> bool:
            """Jobs that wait for the model are due again in a moment."""
            nonlocal given_up
            for job in await jobs.claim(PROCESS_JOB, owner="test", limit=count, lease_seconds=30):
                told = EventDeadLettered(
                    group=PROCESS,
                    dead_letter_id=job.id,
                    subject=f"job:{PROCESS_JOB}",
                    document_id=job.document_id,
                    document_version=job.document_version,
                    reason=REASON,
                )
                assert await jobs.bury(job, REASON, told)
                given_up += 1
            return given_up == count

        await eventually(give_up)


@pytest.mark.slow
def test_what_was_given_up_for_want_of_threads_comes_back_by_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    with (
        a_served_directory(data_dir, model_path=tmp_path / "none") as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        documents = [upload(client, f"{name}.txt", f"About the {name}.")["id"] for name in ("quay", "crane")]

        def are_at_work() -> bool:
            (queue,) = (one for one in client.get("/api/v1/monitor").json()["queues"] if one["kind"] == PROCESS_JOB)
            at_work: int = queue["waiting"] + queue["running"]
            return at_work == len(documents)

        asyncio.run(eventually(are_at_work))
    asyncio.run(_give_up_everything(data_dir, 2))
    with a_served_directory(data_dir) as url, httpx.Client(base_url=url, timeout=60) as client:
        for document in documents:
            assert REASON in wait_for(client, document, "failed")["problem"]["detail"]
        replay = ("dead-letters", "replay", "--all", "--reason", "new thread")
        dry = seoga_json(data_dir, *replay, "--dry-run")
        assert (dry["matching"], {item["document_id"] for item in dry["items"]}) == (2, set(documents))
        assert "2 dead letters would be replayed; nothing was done." in seoga(data_dir, *replay, "--dry-run")[0]
        monkeypatch.setattr(sys, "stdin", io.StringIO())  # nobody is there to say yes
        seoga(data_dir, *replay, code=1)
        assert client.get("/api/v1/monitor/dead-letters").json()["items"]
        seoga(data_dir, "dead-letters", "replay", code=2)
        assert seoga_json(data_dir, "dead-letters", "replay", "--all", "--dry-run")["matching"] == 2
        assert seoga(data_dir, *replay, "--yes")[0] == "2 dead letters are tried again.\n"
        for document in documents:
            wait_for(client, document)
        assert found_names(client, "crane", mode="keyword") == ["crane.txt"]
        assert "0 dead letters would be replayed" in seoga(data_dir, *replay)[0]
