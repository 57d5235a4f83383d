"""Settings: defaults, the environment, and errors that name the variable."""

from pathlib import Path

import pytest

from shared.settings import (
    SECRETS_DIR,
    Settings,
    WrongSettings,
    load_settings,
    round_seconds,
    scheme_of,
    without_credentials,
)


@pytest.fixture(autouse=True)
def a_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SEOGA_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_nothing_set_is_one_process_on_this_machine() -> None:
    settings = load_settings()
    assert settings.is_loopback
    assert settings.api_keys_file is None
    assert settings.events_url == "sqlite:"


def test_the_environment_is_read_and_a_given_value_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEOGA_PORT", "9000")
    monkeypatch.setenv("SEOGA_DATA_DIR", "/somewhere")
    assert load_settings().port == 9000
    settings = load_settings(port=9001, data_dir=None)
    assert (settings.port, settings.data_dir) == (9001, Path("/somewhere"))


def test_an_env_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SEOGA_PORT=9000\nSEOGA_LOG_LEVEL=debug\nOTHER=1\n")
    monkeypatch.setenv("SEOGA_PORT", "9001")
    settings = load_settings()
    assert (settings.port, settings.log_level) == (9001, "debug")


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEOGA_PORT", "")
    assert load_settings().port == 8000


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(Exception, match="frozen"):
        load_settings().port = 1


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("SEOGA_PORT", "eighty", "integer"),
        ("SEOGA_PORT", "70000", "65535"),
        ("SEOGA_EVENTS_URL", "redis://here", "`sqlite:`"),
        ("SEOGA_INSTALLATION", "Seoga_1", "lower-case"),
        ("SEOGA_MODULES", "parse", "'process'"),
        ("SEOGA_MODEL_ENGINE", "torch", "'onnx'"),
        ("SEOGA_LOG_LEVEL", "loud", "`debug`"),
        ("SEOGA_MIN_FREE_BYTES", "-1", "greater"),
        ("SEOGA_PARSE_WORKERS", "0", "greater"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, hint: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    [problem] = caught.value.errors
    assert problem.field == name
    assert name in str(caught.value)
    assert value in str(caught.value)
    assert hint in str(caught.value)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEOGA_PORT", "eighty")
    monkeypatch.setenv("SEOGA_LOG_FORMAT", "xml")
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    assert {problem.field for problem in caught.value.errors} == {"SEOGA_PORT", "SEOGA_LOG_FORMAT"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.5", "example.org"])
def test_listening_beyond_this_machine_needs_keys(host: str, tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match="SEOGA_API_KEYS_FILE"):
        load_settings(host=host)
    assert load_settings(host=host, api_keys_file=tmp_path / "keys").host == host


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_needs_none(host: str) -> None:
    assert load_settings(host=host).is_loopback


def test_some_of_the_modules_alone_need_servers_to_meet_the_others() -> None:
    with pytest.raises(WrongSettings, match=r"SEOGA_MODULES was 'ingest': .*SEOGA_EVENTS_URL"):
        load_settings(modules="ingest")
    servers = {"events_url": "kafka://127.0.0.1:9092", "store_url": "mongodb://127.0.0.1"}
    assert load_settings(modules="process, search", **servers).modules == ("process", "search")
    assert load_settings(modules="model").modules == ("model",)


def test_blobs_in_mongodb_need_a_mongodb() -> None:
    with pytest.raises(WrongSettings, match="SEOGA_STORE_URL must name the MongoDB"):
        load_settings(blobs_url="gridfs:")


def test_a_file_stands_for_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seoga_index_key").write_text("from-a-file\n", encoding="utf-8")
    (tmp_path / "seoga_port").write_text("1234", encoding="utf-8")
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    monkeypatch.setenv("SEOGA_PORT", "4321")
    settings = load_settings()
    assert settings.index_key is not None and settings.index_key.get_secret_value() == "from-a-file"
    assert settings.port == 4321
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path / "nothing"))
    with pytest.raises(WrongSettings, match="there is no such folder"):
        load_settings()


def test_a_wrong_url_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEOGA_STORE_URL", "postgres://seoga:secret-1@db.example:5432/seoga?password=secret-2")
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    assert "postgres://db.example:5432/seoga" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "family", "shown"),
    [
        ("sqlite:", "sqlite", "sqlite:"),
        ("kafkas://one:9093,two:9093", "kafka", "kafkas://one:9093,two:9093"),
        ("rediss://:secret@cache:6379/0", "redis", "rediss://cache:6379/0"),
        ("mongodb://me:p/ss?w@db/seoga", "mongodb", "mongodb://db/seoga"),
        ("mongodb+srv://me:p%40ss@db/seoga?w=1", "mongodb", "mongodb+srv://db/seoga"),
    ],
)
def test_a_url_names_its_adapter_and_can_be_shown(url: str, family: str, shown: str) -> None:
    assert (scheme_of(url), without_credentials(url)) == (family, shown)


@pytest.mark.parametrize(("kept", "looked"), [(0, 60), (60, 60), (3_600, 360), (86_400, 3_600), (365 * 86_400, 3_600)])
def test_what_is_kept_for_minutes_is_looked_for_each_minute(kept: float, looked: float) -> None:
    assert round_seconds(kept) == looked
