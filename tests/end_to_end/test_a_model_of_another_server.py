"""SEOGA_MODEL_URL: a whole server that embeds with another one's model, and holds none."""

from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from journeys import found_names, search, upload, wait_for
from model_builders import a_tiny_model

pytestmark = pytest.mark.slow


def test_documents_are_embedded_and_found_with_the_other_servers_model(tmp_path: Path) -> None:
    path = a_tiny_model(tmp_path / "model")
    owner, guest = tmp_path / "owner", tmp_path / "guest"
    with (
        a_served_directory(owner, model_path=path) as url,
        a_served_directory(guest, model_url=url, model_engine="remote") as at,
        httpx.Client(base_url=at, timeout=60) as client,
    ):
        wait_for(client, upload(client, "duty.txt", "tariff duty notebook")["id"])
        answer = search(client, "duty tariff", mode="vector")
        assert [hit["document"]["name"] for hit in answer["hits"]] == ["duty.txt"]
        assert answer["degraded"] == []
        seen = seoga_json(guest, "model", "status")
        assert (seen["engine"], seen["state"], seen["name"], seen["loads"]) == ("remote", "ready", "model", 0)
        assert seen["fingerprint"] == seoga_json(owner, "model", "status")["fingerprint"]
        assert seoga_json(owner, "model", "status")["embedded_texts"] >= 2
        _, errors = seoga(guest, "model", "reload", code=1)
        assert url in errors
        assert client.get("/api/v1/model/health").json()["state"] == "ready"
        # A consumer that does not share has a model of its own; here, the packaged one of another space.
        assert seoga_json(guest, "model", "reload", "--shared", "search,process")["consumers"]["api"] == "private"


def test_search_goes_on_by_words_while_the_other_server_is_away(tmp_path: Path) -> None:
    path = a_tiny_model(tmp_path / "model")
    owner, guest = tmp_path / "owner", tmp_path / "guest"
    with ExitStack() as stack:
        with a_served_directory(owner, model_path=path) as url:
            at = stack.enter_context(a_served_directory(guest, model_url=url, model_engine="remote"))
        # The owner has gone before anything was asked of it.
        client = stack.enter_context(httpx.Client(base_url=at, timeout=60))
        document = upload(client, "duty.txt", "tariff duty notebook")
        assert search(client, "duty")["degraded"] == ["model"]
        assert client.get(f"/api/v1/documents/{document['id']}").json()["status"] in ("received", "processing")
        port = urlsplit(url).port or 0
        stack.enter_context(a_served_directory(owner, port=port, model_path=path))
        # Nothing was lost, and no hand is needed.
        wait_for(client, document["id"])
        assert found_names(client, "duty") == ["duty.txt"]
