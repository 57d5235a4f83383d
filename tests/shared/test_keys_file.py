"""The file of API keys while the server runs: what changes in it counts, and who else may touch it is told."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from shared.settings import SECRETS_DIR, WrongSettings
from shared.telemetry import configure_logs
from shared.web.keys_file import KeysFile, warn_of_readable_secrets

OLD, NEW = "old-key-00000000001", "new-key-00000000002"


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def warnings_are_told() -> Iterator[None]:
    configure_logs(level="warning", format="text")
    yield
    configure_logs(level="error", format="text")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "keys"
    file.write_text(f"{OLD} * read\n")
    file.chmod(0o600)
    return file


def test_a_change_counts_without_a_restart(file: Path) -> None:
    clock = _Clock()
    keys = KeysFile(file, monotonic=clock)
    file.write_text(f"{NEW} notes read,write\n")
    assert OLD in keys.now()  # looked at within the second
    clock.now = 1.0
    assert list(keys.now()) == [NEW]
    assert keys.now()[NEW].visible == frozenset({"notes"})


def test_a_file_that_was_put_in_its_place_counts_too(file: Path, tmp_path: Path) -> None:
    keys = KeysFile(file, look_seconds=0)
    new, before = tmp_path / "new", file.stat()
    new.write_text(f"{NEW} * read\n")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(file)
    assert list(keys.now()) == [NEW]


@pytest.mark.parametrize("content", ["", "short * read\n", f"{NEW} * write,rule\n", None])
def test_what_cannot_be_read_changes_nothing_and_is_told_once(file: Path, content: str | None) -> None:
    keys = KeysFile(file, look_seconds=0)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with structlog.testing.capture_logs() as said:
        assert [list(keys.now()) for _ in range(3)] == [[OLD]] * 3
    assert [line["action"] for line in said] == ["keys.kept"]
    assert "SEOGA_API_KEYS_FILE" in said[0]["reason"]
    file.write_text(f"{NEW} * read\n")
    assert list(keys.now()) == [NEW]


@pytest.mark.parametrize(("mode", "is_told"), [(0o600, False), (0o640, False), (0o400, False), (0o644, True)])
def test_keys_that_everybody_may_read_are_told(file: Path, mode: int, is_told: bool) -> None:
    file.chmod(mode)
    with structlog.testing.capture_logs() as said:
        KeysFile(file)
    assert [line["action"] for line in said] == (["keys.readable"] if is_told else [])


def test_secrets_that_everybody_may_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, mode in (("seoga_model_key", 0o644), ("seoga_index_key", 0o600), ("of_others", 0o644)):
        (tmp_path / name).write_text("secret")
        (tmp_path / name).chmod(mode)
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    with structlog.testing.capture_logs() as said:
        warn_of_readable_secrets()
    assert [Path(line["file"]).name for line in said] == ["seoga_model_key"]


def test_keys_that_everybody_may_write_are_refused(file: Path) -> None:
    file.chmod(0o602)
    with pytest.raises(WrongSettings, match="chmod o-rwx"):
        KeysFile(file)
