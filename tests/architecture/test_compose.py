"""docker-compose.yml and the Dockerfile say what the code can do, and keep their promises."""

import fnmatch
import importlib
import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema
import pytest
import typer

from main import _build_cli
from shared.settings import PREFIX, SECRETS_DIR, Settings, load_settings
from shared.silence import FETCHES_OFF, REPORTS_OFF

ROOT: Final = Path(__file__).parents[2]
_yaml: Any = importlib.import_module("yaml")
COMPOSE: Final[dict[str, Any]] = _yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {name: service for name, service in SERVICES.items() if "build" in service}
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def _arguments(command: list[str]) -> tuple[str, dict[str, Any]]:
    """The name of the `seoga` command and the options it is given, as the real command line reads them."""
    program, name, *words = command
    assert program == "seoga"
    group = typer.main.get_command(_build_cli())
    commands: dict[str, Any] = getattr(group, "commands")  # noqa: B009 - typer's class of groups is its own
    context = commands[name].make_context(name, list(words))
    return name, {key: value for key, value in context.params.items() if value is not None}


def _settings(monkeypatch: pytest.MonkeyPatch, service: dict[str, Any], folder: Path) -> Settings:
    """What the service's process would read, its secrets being there."""
    environment = dict(service["environment"])
    assert set(environment) <= {SECRETS_DIR, *(PREFIX + field.upper() for field in Settings.model_fields)}
    for secret in service.get("secrets", []):
        (folder / secret).write_text("a secret\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value).replace("/run/secrets", str(folder)))
    monkeypatch.chdir(folder)
    _, options = _arguments(service["command"])
    return load_settings(**options)


def test_it_is_what_the_compose_specification_describes() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(COMPOSE)


def test_a_service_that_is_none_is_refused() -> None:
    schema = json.loads((Path(__file__).parent / "compose-spec.json").read_text(encoding="utf-8"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({"services": {"api": {"imagine": "seoga"}}})


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_checked_limited_pinned_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= set(service["healthcheck"])
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    repository, _, tag = service["image"].partition(":")
    assert repository
    assert tag == "local" if name in OURS else re.fullmatch(r"v?\d+\.\d+\.\d+(-\w+)?", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_refers_to_is_declared(name: str) -> None:
    service = SERVICES[name]
    named = [volume.partition(":")[0] for volume in service.get("volumes", []) if ":" in volume]
    assert set(named) <= set(COMPOSE["volumes"])
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_everything_that_is_declared_is_used() -> None:
    volumes = {volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) == volumes - {"/data"}
    assert set(COMPOSE["secrets"]) == {secret for service in OURS.values() for secret in service["secrets"]}


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in OURS and name != "redis"])
def test_what_must_outlive_a_container_is_on_a_volume(name: str) -> None:
    assert any(":" in volume for volume in SERVICES[name]["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_are_accepted(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = _settings(monkeypatch, OURS[name], tmp_path)
    if settings.model_url is not None:
        assert settings.model_key is not None
        assert settings.model_key.get_secret_value() == "a secret"


@pytest.mark.parametrize("name", OURS)
def test_the_servers_that_a_setting_names_are_services_it_waits_for(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = _settings(monkeypatch, OURS[name], tmp_path)
    urls = (settings.events_url, settings.store_url, settings.index_url, settings.cache_url, settings.model_url or "")
    hosts = {urlsplit(url).hostname for url in urls} - {None}
    assert hosts == set(OURS[name].get("depends_on", {}))
    # They meet on a network of their own.
    assert all(set(SERVICES[str(host)]["networks"]) & set(OURS[name]["networks"]) for host in hosts)


def test_together_the_processes_do_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    for name in ("api", "worker"):
        with monkeypatch.context() as its_own:
            done += _settings(its_own, OURS[name], tmp_path).modules
    assert sorted(done) == ["ingest", "monitor", "process", "search"]


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights_and_no_writable_root(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert any(volume.rpartition(":")[2] == "/data" for volume in service["volumes"])
    seconds = int(service["stop_grace_period"].removesuffix("s"))
    assert seconds > 30


def test_workers_can_be_many() -> None:
    assert not {"container_name", "ports", "hostname"} & set(OURS["worker"])


@pytest.mark.parametrize("name", SERVICES)
def test_nothing_but_the_api_can_be_reached_and_that_from_this_machine_only(name: str) -> None:
    published = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in published)
    if name not in ("api", "seoga"):
        assert published == []
        assert SERVICES[name]["networks"] == ["servers"]
    assert COMPOSE["networks"]["servers"]["internal"] is True


@pytest.mark.parametrize("name", OURS)
def test_who_listens_beyond_the_container_has_keys(name: str) -> None:
    _, options = _arguments(OURS[name]["command"])
    if options.get("host") == "0.0.0.0":
        path = Path(OURS[name]["environment"]["SEOGA_API_KEYS_FILE"])
        assert path.parent == Path("/run/secrets")
        assert path.name in OURS[name]["secrets"]


def test_the_image_is_pinned_runs_as_nobody_special_and_tells_its_health() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert len(bases) == 2
    assert all(re.search(r":\d+\.\d+-slim-\w+$", base) for base in bases)
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER (?!root|0)\w+$", last, re.M)
    assert "/health/ready" in last
    assert "--from=build" in last


def test_whatever_runs_in_the_image_reports_and_fetches_nothing() -> None:
    stages = DOCKERFILE.split("\nFROM ")[1:]
    for stage in stages:
        for name, value in {**REPORTS_OFF, **FETCHES_OFF}.items():
            assert f"{name}={value}" in stage


def test_the_image_has_what_is_copied_and_what_the_default_command_needs(tmp_path: Path) -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.M) for word in line.split()]
    assert copied
    for path in copied:
        assert (ROOT / path).exists()
        assert any(fnmatch.fnmatch(path, pattern) for pattern in kept)
    command = re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.M)[-1]
    assert _arguments(json.loads(command)) == ("serve", {"host": "0.0.0.0"})
    named = set(re.findall(r"SEOGA_[A-Z_]+", DOCKERFILE))
    assert named <= {PREFIX + field.upper() for field in Settings.model_fields}
