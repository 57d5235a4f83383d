"""A judged set that is asked once a day."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st
from search_builders import ASearch, a_search, over_http

from builders import eventually, labels
from search.application.nightly import NightlyTimes, last_time
from shared.settings import Settings

SOON = NightlyTimes(look_again_seconds=0.02, after_failure_seconds=0.02)


def a_judged_set(folder: Path) -> Path:
    folder.mkdir()
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "green tea"}\n{"_id": "q2", "text": "coffee"}\n')
    (folder / "qrels.tsv").write_text("query\tdocument\tgrade\nq1\ttea.txt\t1\nq2\tcoffee.txt\t2\n")
    return folder


def a_night(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, evaluation_set=tmp_path / "drinks", evaluation_collection="bar")


async def listed(client: AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await client.get("/api/v1/evaluations")).json()["items"]
    return items


def numbers(search: ASearch) -> str:
    return bytes(search.container.metrics().exposition()).decode()


def failures(search: ASearch) -> bool:
    return re.search(r"^seoga_search_evaluations_failed_total [1-9]", numbers(search), re.M) is not None


def quality(search: ASearch) -> float | None:
    said = re.search(r'^seoga_search_quality_ratio{collection="bar",evaluation="drinks"} (\S+)', numbers(search), re.M)
    return float(said[1]) if said else None


async def test_what_is_due_is_asked_once_and_becomes_a_metric(tmp_path: Path) -> None:
    a_judged_set(tmp_path / "drinks")
    async with a_search(tmp_path, settings=a_night(tmp_path), nightly=SOON) as search, over_http(search) as client:
        # Its collection is not there yet: it is tried again, and told.
        assert await eventually(lambda: failures(search))
        await search.add("Green tea is fresh.", given=labels(name="tea.txt", collection="bar"))
        made = await eventually(lambda: listed(client))
        assert [(one["name"], one["collection"], one["mode"]) for one in made] == [("drinks", "bar", "hybrid")]
        await eventually(lambda: quality(search) is not None)
        assert quality(search) == pytest.approx(made[0]["metrics"]["ndcg_10"])
    # After a restart the same day nothing is due, and the metric goes on.
    async with a_search(tmp_path, settings=a_night(tmp_path), nightly=SOON) as search, over_http(search) as client:
        await eventually(lambda: quality(search) is not None)
        assert quality(search) == pytest.approx(made[0]["metrics"]["ndcg_10"])
        assert await listed(client) == made


async def test_a_folder_that_is_no_set_stops_nothing(tmp_path: Path) -> None:
    async with a_search(tmp_path, settings=a_night(tmp_path), nightly=SOON) as search, over_http(search) as client:
        await search.add("Green tea is fresh.", given=labels(name="tea.txt"))
        assert await eventually(lambda: failures(search))
        assert await listed(client) == [] and len(await search.texts("tea")) == 1


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)), st.integers(0, 23))
def test_the_hour_was_reached_within_the_last_day(now: datetime, hour: int) -> None:
    at = last_time(now, hour)
    assert timedelta(0) <= now - at < timedelta(days=1)
    assert (at.hour, at.utcoffset()) == (hour, now.astimezone().utcoffset())
