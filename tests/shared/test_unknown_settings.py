"""Names that set nothing are named, with the one that was meant."""

from pathlib import Path

import pytest

from shared.runtime.unknown_settings import unknown_settings
from shared.settings import SECRETS_DIR, Settings


@pytest.fixture(autouse=True)
def a_clean_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SEOGA_DATADIR", "SEOGA_DATA_DIR"),
        ("SEOGA_DATA_DIRECTORY", "SEOGA_DATA_DIR"),
        ("SEOGA_LOGLEVEL", "SEOGA_LOG_LEVEL"),
        ("SEOGA_API_KEY_FILE", "SEOGA_API_KEYS_FILE"),
        ("SEOGA_MAX_UPLOAD_SIZE", "SEOGA_MAX_UPLOAD_BYTES"),
    ],
)
def test_a_misspelt_one_is_named_with_the_nearest(name: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    [said] = unknown_settings()
    assert name in said and f"Did you mean {meant}?" in said


def test_every_place_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SEOGA_PROT=1\nOTHER=1\n", encoding="utf-8")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "seoga_model_kee").write_text("x", encoding="utf-8")
    monkeypatch.setenv(SECRETS_DIR, str(secrets))
    said = unknown_settings()
    assert [words.split()[0] for words in said] == ["SEOGA_PROT", "seoga_model_kee"]
    assert ".env" in said[0] and str(secrets) in said[1]


def test_settings_and_what_commands_and_tests_read_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "url", "api_key", "test_mongo", "child_cpu"):
        monkeypatch.setenv(f"SEOGA_{name.upper()}", "1")
    monkeypatch.setenv("SEOGA_NOTHING_OF_THE_KIND_AT_ALL", "1")
    [said] = unknown_settings()
    assert said.endswith("says nothing.")
