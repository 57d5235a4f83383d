"""A store that is missing, another's or an old copy: nothing is deleted for it, and with the right one all is whole."""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from journeys import becomes, found_names, upload, wait_for

pytestmark = pytest.mark.slow  # minutes in sum

Serving = Callable[..., AbstractContextManager[httpx.Client]]
TEXTS = {"a.txt": "green tea", "b.txt": "black tea", "c.txt": "white tea"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, module_serving: Serving) -> Path:
    """`data`: three documents; `older`: the stores of when there were two."""
    folder = tmp_path_factory.mktemp("filled")
    for names in (["a.txt", "b.txt"], ["c.txt"]):
        with module_serving(folder / "data") as client:
            for name in names:
                wait_for(client, upload(client, name, TEXTS[name])["id"])
            assert collect(client)["discarded"] == 0
        if not (folder / "older").exists():
            shutil.copytree(folder / "data", folder / "older", ignore=shutil.ignore_patterns("blobs", "index"))
    return folder


@pytest.fixture(scope="module")
def another(tmp_path_factory: pytest.TempPathFactory, module_serving: Serving) -> Path:
    """The data directory of an installation of its own, without documents."""
    folder = tmp_path_factory.mktemp("another")
    with module_serving(folder):
        pass
    return folder


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled / "data", tmp_path / "data")
    return tmp_path / "data"


def collect(client: httpx.Client) -> dict[str, Any]:
    """Of any age, with an operator's word, and the trash is emptied."""
    request = {"confirm": True, "older_than_seconds": 0}
    done: dict[str, Any] = client.post("/api/v1/storage/collect", json=request).raise_for_status().json()
    client.post("/api/v1/search/collect", json={"confirm": True}).raise_for_status()
    client.post("/api/v1/storage/trash/empty").raise_for_status()
    return done


def is_whole(client: httpx.Client) -> bool:
    listed = client.get("/api/v1/documents").raise_for_status().json()["items"]
    contents = {one["name"]: client.get(one["links"]["content"]).raise_for_status().text for one in listed}
    return contents == TEXTS and sorted(found_names(client, "tea")) == sorted(TEXTS)


def installation(client: httpx.Client) -> dict[str, Any]:
    components: dict[str, dict[str, Any]] = client.get("/health/ready").json()["components"]
    return components["shared.installation"]


def kept(data_dir: Path) -> set[Path]:
    return {
        path.relative_to(data_dir) for kind in ("originals", "artefacts") for path in data_dir.glob(f"blobs/{kind}/*/*")
    }


@pytest.mark.parametrize(
    ("store", "source"),
    [
        pytest.param("ingest.sqlite", None, id="missing"),
        pytest.param("ingest.sqlite", "older", id="an older copy"),
        pytest.param("ingest.sqlite", "another", id="another's", marks=pytest.mark.slow),
        pytest.param("search.sqlite", None, id="search's missing", marks=pytest.mark.slow),
        pytest.param("search.sqlite", "older", id="an older copy of search's", marks=pytest.mark.slow),
        pytest.param("search.sqlite", "another", id="another's for search's", marks=pytest.mark.slow),
    ],
)
def test_nothing_goes_for_a_store_that_does_not_know(
    filled: Path, data_dir: Path, serving: Serving, store: str, source: str | None, request: pytest.FixtureRequest
) -> None:
    files = kept(data_dir)
    (data_dir / store).unlink()
    if source is not None:
        folder = request.getfixturevalue("another") if source == "another" else filled / source
        shutil.copy(folder / store, data_dir / store)
    with serving(data_dir) as client:
        concerns_originals = store == "ingest.sqlite"
        done = collect(client)
        if concerns_originals:
            # Search knows them still.
            assert sorted(found_names(client, "tea")) == sorted(TEXTS)
            assert store in installation(client)["detail"] and "seoga adopt" in installation(client)["detail"]
            assert (done["discarded"], done["destroyed"]) == (0, 0)
            assert store in done["held"]
        assert (client.get("/health/ready").status_code == 503) == concerns_originals
    assert kept(data_dir) == files
    shutil.copy(filled / "data" / store, data_dir / store)
    with serving(data_dir) as client:
        # What a store of search's that knew too little let go of is made again.
        becomes(lambda: is_whole(client))
        assert client.get("/health/ready").status_code == 200
        assert collect(client) == {"discarded": 0, "orphans": 0, "destroyed": 0, "held": None}
        assert is_whole(client)


def test_what_an_operator_adopted_in_error_comes_back_out_of_the_trash(
    filled: Path, data_dir: Path, serving: Serving
) -> None:
    (data_dir / "ingest.sqlite").unlink()
    with serving(data_dir) as client:
        adopted = client.post("/api/v1/installation/adopt").raise_for_status().json()
        assert adopted["belongs_together"]
        assert client.get("/health/ready").status_code == 200
        request = {"confirm": True, "older_than_seconds": 0}
        assert client.post("/api/v1/storage/collect", json=request).json()["orphans"] == 3
        assert client.get("/api/v1/storage").json()["trash"]["contents"] == 3
    assert not kept(data_dir)
    shutil.copy(filled / "data" / "ingest.sqlite", data_dir / "ingest.sqlite")
    with serving(data_dir) as client:
        assert is_whole(client)
        # It is older than the blobs that were collected after it: the operator says once more that they fit.
        client.post("/api/v1/installation/adopt").raise_for_status()
        collect(client)
        assert is_whole(client)
