"""`seoga status`, `dead-letters` and `doctor`: what they print, and their exit codes."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import a_served_directory, seoga, seoga_json
from damage import flip_byte
from journeys import upload, wait_for


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data directory of a running server."""
    data_dir = tmp_path_factory.mktemp("serving") / "data"
    with a_served_directory(data_dir) as url:
        while httpx.get(f"{url}/health/ready").status_code != 200:
            time.sleep(0.02)
        yield data_dir


def test_status_shows_the_running_server_and_its_components(serving: Path) -> None:
    report = seoga_json(serving, "status")
    assert report["server"]["running"] is True
    assert report["data_dir"] == str(serving)
    assert report["health"]["ready"] is True
    output, _ = seoga(serving, "status")
    assert report["server"]["url"] in output
    assert "✓ search.model: " in output


def test_doctor_is_content_with_a_running_server(serving: Path) -> None:
    report = seoga_json(serving, "doctor")
    assert report["healthy"] is True
    assert {check["name"] for check in report["checks"]} >= {
        "Python",
        "data directory",
        "disk room",
        "server",
        "search.model",
    }


def test_dead_letters_are_none_at_first_and_an_unknown_one_is_an_error(serving: Path) -> None:
    assert seoga(serving, "dead-letters", "list")[0] == "There are no dead letters.\n"
    assert seoga_json(serving, "dead-letters", "list") == {"items": [], "next_cursor": None}
    output, errors = seoga(serving, "dead-letters", "replay", "nothing", code=1)
    assert (output, errors) == ("", "Not found: There is no dead letter with the id nothing.\n")


def test_doctor_starts_a_server_when_none_runs_and_leaves_none_behind(tmp_path: Path) -> None:
    output, _ = seoga(tmp_path / "data", "doctor", SEOGA_MODEL_ENGINE="auto")
    assert "none runs; one was started for these checks" in output
    assert "✗" not in output
    assert "✓ engines: their comparison is waiting" in output
    assert not (tmp_path / "data" / "server.json").exists()


def test_doctor_says_what_to_do_about_a_wrong_setting_or_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    output, _ = seoga(tmp_path / "file" / "data", "doctor", code=1)
    assert "✗ data directory" in output
    assert "SEOGA_DATA_DIR" in output
    output, _ = seoga(tmp_path / "data", "doctor", code=1, SEOGA_PORT="70000")
    assert "✗ settings: SEOGA_PORT was '70000'" in output


def test_a_key_is_taken_from_the_environment(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("a-very-secret-key-1 * read,write,admin\n")
    with a_served_directory(tmp_path / "data", api_keys_file=keys):
        _, errors = seoga(tmp_path / "data", "status", code=1)
        assert "SEOGA_API_KEY" in errors
        report = seoga_json(tmp_path / "data", "status", SEOGA_API_KEY="a-very-secret-key-1")
        assert report["health"]["ready"] is True


def test_doctor_looks_deep_while_a_server_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with a_served_directory(data_dir) as url:
        with httpx.Client(base_url=url, timeout=60) as client:
            # With everything loaded, so that only the files decide.
            wait_for(client, upload(client, "a.txt", "A memo on demurrage.")["id"])
        checks = {check["name"]: check for check in seoga_json(data_dir, "doctor", "--deep")["checks"]}
        assert checks["ingest.sqlite"]["detail"] == "sound"
        assert "1 files" in checks["originals"]["detail"]
        (original,) = (path for path in (data_dir / "blobs" / "originals").rglob("*") if path.is_file())
        flip_byte(original)
        checks = {check["name"]: check for check in seoga_json(data_dir, "doctor", "--deep", code=1)["checks"]}
        assert original.name in checks["originals"]["detail"]
        assert "Upload" in checks["originals"]["remedy"]
