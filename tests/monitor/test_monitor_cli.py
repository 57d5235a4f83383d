"""`seoga status`, `dead-letters` and `doctor`: what they print, and their exit codes."""

import socket
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
        while httpx.get(f"{url}/health/ready", timeout=60).status_code != 200:
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


def test_a_channel_is_made_changed_tried_and_deleted(serving: Path) -> None:
    assert seoga(serving, "monitor", "channels")[0] == "There are no channels: nobody is told of alerts.\n"
    _, errors = seoga(serving, "monitor", "channels", "--add", "webhook", code=2)
    assert "give the name of the channel" in errors
    # A port on which nobody listens: the kernel gave it to us, and we gave it back.
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = ("--add", "email", "--set", "host=127.0.0.1", "--set", f"port={port}", "--set", "security=none")
    people = ("--set", "sender=seoga@example.com", "--set", "recipients=kim@example.com, lee@example.com")
    seoga(serving, "monitor", "channels", "ops", *made, *people)
    (channel,) = seoga_json(serving, "monitor", "channels")["items"]
    assert (channel["kind"], channel["settings"]["port"]) == ("email", port)
    output, _ = seoga(serving, "monitor", "channels", "ops", "--set", "language=ko", "--set", "per_minute=7")
    assert "kim@example.com, lee@example.com" in output
    (channel,) = seoga_json(serving, "monitor", "channels", "ops")["items"]
    assert (channel["settings"]["language"], channel["settings"]["per_minute"]) == ("ko", 7)
    assert channel["settings"]["recipients"] == ["kim@example.com", "lee@example.com"]
    output, errors = seoga(serving, "monitor", "channels", "ops", "--test", code=1)
    assert (output, errors.startswith("Not delivered after ")) == ("", True)
    assert seoga(serving, "monitor", "channels", "ops", "--delete")[0] == "ops is deleted.\n"
    assert seoga_json(serving, "monitor", "channels")["items"] == []
    _, errors = seoga(serving, "monitor", "channels", "ops", "--test", code=1)
    assert "ops" in errors


def test_dead_letters_are_none_at_first_and_an_unknown_one_is_an_error(serving: Path) -> None:
    assert seoga(serving, "dead-letters", "list")[0] == "There are no dead letters.\n"
    assert seoga_json(serving, "dead-letters", "list") == {"items": [], "next_cursor": None}
    output, errors = seoga(serving, "dead-letters", "replay", "nothing", code=1)
    assert (output, errors) == ("", "Not found: There is no dead letter with the id nothing.\n")


def test_doctor_starts_a_server_when_none_runs_and_leaves_none_behind(tmp_path: Path) -> None:
    # A cache of its own: this machine may have compared them before.
    nothing = str(tmp_path / "cache")
    output, _ = seoga(tmp_path / "data", "doctor", SEOGA_MODEL_ENGINE="auto", SEOGA_MACHINE_CACHE_DIR=nothing)
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


def test_rules_are_listed_made_changed_and_deleted(serving: Path) -> None:
    output, _ = seoga(serving, "monitor", "rules")
    assert "disk nearly full" in output and "disk_free_ratio < 0.1" in output
    changed = seoga_json(serving, "monitor", "rules", "disk nearly full", "--set", "value=0.05", "--disable")
    assert [(one["value"], one["enabled"], one["clear_value"]) for one in changed["items"]] == [(0.05, False, 0.12)]
    made = seoga_json(serving, "monitor", "rules", "slow", "--add", "--set", "metric=search_seconds_p95")
    assert [(one["name"], one["built_in"]) for one in made["items"]] == [("slow", False)]
    assert seoga(serving, "monitor", "rules", "slow", "--delete")[0] == "slow is deleted.\n"
    _, errors = seoga(serving, "monitor", "rules", "bad", "--add", "--set", "metric=nothing_there", code=1)
    assert "metric" in errors
    assert seoga(serving, "monitor", "alerts", "--state", "acknowledged")[0] == "There are no alerts.\n"
    assert {"items", "total"} <= seoga_json(serving, "monitor", "metrics").keys()


def test_silences_are_made_listed_and_ended(serving: Path) -> None:
    assert seoga(serving, "monitor", "silences")[0] == "There are no silences: every alert is told.\n"
    window = ("--from", "2026-11-29T22:00+09:00", "--for", "2h", "--every", "week", "--comment", "backups")
    output, _ = seoga(serving, "monitor", "silences", "disk nearly full", *window, "--label", "disk=data")
    assert "disk nearly full" in output and "backups" in output
    (made,) = seoga_json(serving, "monitor", "silences")["items"]
    assert (made["starts_at"], made["ends_at"]) == ("2026-11-29T13:00:00Z", "2026-11-29T15:00:00Z")
    assert (made["every_seconds"], made["labels"]) == (604800, {"disk": "data"})
    both = seoga_json(serving, "monitor", "silences", "--every-rule", "--for", "30m")["items"]
    assert sorted(one["rule"] for one in both) == ["", "disk nearly full"]
    for one in both:
        left = seoga_json(serving, "monitor", "silences", "--end", one["id"])["items"]
    assert left == []
    _, errors = seoga(serving, "monitor", "silences", "--end", "nothing", code=1)
    assert "nothing" in errors


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--for", "2h"), "--every-rule"),
        (("dead letters", "--every-rule", "--for", "2h"), "--every-rule"),
        (("dead letters",), "--for 2h"),
        (("dead letters", "--for", "soon"), "30m, 2h or 1d"),
        (("dead letters", "--for", "0h"), "30m, 2h or 1d"),
        (("dead letters", "--for", "2h", "--from", "later"), "no instant"),
        (("dead letters", "--for", "2h", "--every", "month"), "neither day nor week"),
        (("dead letters", "--for", "2h", "--label", "disk"), "NAME=VALUE"),
        (("dead letters", "--for", "2h", "--end", "x"), "nothing else"),
    ],
)
def test_a_silence_that_cannot_be_meant_is_refused(serving: Path, given: tuple[str, ...], said: str) -> None:
    _, errors = seoga(serving, "monitor", "silences", *given, code=2)
    assert said in errors
