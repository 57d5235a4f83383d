"""docs/operations/shared-model.md, done: each of its commands, in its order, against a running server."""

import re
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from journeys import found_names, upload, wait_for
from model_builders import a_tiny_model

pytestmark = pytest.mark.slow  # minutes in sum

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations" / "shared-model.md"
EXPECTED = {
    "seoga model status": "shared shared shared",
    "seoga model reload --shared off": "private private private",
    "seoga model reload --shared search": "shared private private",
    "seoga model reload --shared search,process": "shared shared private",
    "seoga model reload --shared on": "shared shared shared",
    "seoga model reload --shared search,api": "shared private shared",
    # The settings count again: this server was started with `on`.
    "seoga model reload": "shared shared shared",
    "seoga model clear-cache": "shared shared shared",
}


def commands() -> list[str]:
    """Every line of the page's shell blocks."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def test_every_step_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    data = tmp_path / "data"
    steps = commands()
    assert set(steps) == set(EXPECTED), "the page and this test know the same commands"
    with a_served_directory(data, model_path=folder) as url, httpx.Client(base_url=url, timeout=60) as client:
        for number, step in enumerate(steps):
            seoga(data, *step.split()[1:])
            seen = seoga_json(data, "model", "status")
            uses = " ".join(seen["consumers"][name] for name in ("search", "process", "api"))
            assert uses == EXPECTED[step], step
            # All three consumers work after every step, and find what was put in before it.
            document = upload(client, f"{number}.txt", f"tariff duty notebook {number}")
            wait_for(client, document["id"])
            found = found_names(client, "tariff duty", limit=50)
            assert {f"{earlier}.txt" for earlier in range(number + 1)} <= set(found), step
            answer = client.post("/v1/embeddings", json={"input": ["tariff"]}).raise_for_status().json()
            assert len(answer["data"][0]["embedding"]) == 32
        told = client.get("/metrics").text
        for name in re.findall(r"`(seoga_model_\w+)", PAGE.read_text(encoding="utf-8")):
            # A counter of what never happened is not there yet.
            assert name in told or name == "seoga_model_fallbacks_total", name


def test_a_start_with_sharing_off_gives_each_its_own(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    with a_served_directory(tmp_path / "data", model_path=folder, shared_model="off"):
        seen = seoga_json(tmp_path / "data", "model", "status")
        assert set(seen["consumers"].values()) == {"private"}
        assert seen["state"] == "unloaded"


def test_a_wrong_flag_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = a_tiny_model(tmp_path / "model")
    with a_served_directory(tmp_path / "data", model_path=folder):
        _, errors = seoga(tmp_path / "data", "model", "reload", "--shared", "serch", code=1)
        assert "must be `on`, `off`, or a list" in errors
        seen = seoga_json(tmp_path / "data", "model", "status")
        assert set(seen["consumers"].values()) == {"shared"}
