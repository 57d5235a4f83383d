"""The checks of `seoga doctor`: each says whether it is well, and what to do if not."""

import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from shared.kernel import DomainError
from shared.runtime.client import Connect
from shared.runtime.data_directory import DataDirectory
from shared.runtime.unknown_settings import unknown_settings
from shared.settings import Settings, load_settings

_OLDEST_PYTHON: Final = (3, 11)
_SAFE_ZIPFILE: Final = (3, 11, 8)
_LITTLE_ROOM_BYTES: Final = 1 << 30
_REMEDIES: Final = {
    "model": "Run `make setup` again, or let SEOGA_MODEL_PATH name a sentence-transformers folder.",
    "index": "Restart the server; if it stays, look at its log.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"name": self.name, "ok": self.ok, "detail": self.detail, "remedy": self.remedy or None}


Look = Callable[[Path, bool], Iterable[tuple[str, bool, str, str]]]
"""Looks files of a data directory through, quickly or (True) deeply: name, whether it is well, detail, remedy."""


def examine(connect: Connect, look: Look | None = None, *, deep: bool = False) -> list[Finding]:
    """Every check that can be made; what depends on a failed one is left out."""
    findings = [_python()]
    try:
        settings = load_settings()
    except DomainError as error:
        return [*findings, Finding("settings", False, error.detail, "Correct the variable, or take it away.")]
    findings.append(Finding("settings", True, "valid"))
    remedy = "Correct the name, or take it away."
    findings += (Finding("settings", False, words, remedy) for words in unknown_settings())
    if settings.url is not None:
        return [*findings, *_server(settings, connect)]
    findings += _data_directory(settings)
    if all(finding.ok for finding in findings if finding.name == "data directory"):
        if look is not None:
            findings += (Finding(*seen) for seen in look(settings.data_dir, deep))
        findings += _server(settings, connect)
    return findings


def _python() -> Finding:
    this = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("Python", False, f"{this} is too old.", "Make the environment with Python 3.11 or newer.")
    advice = "" if sys.version_info[:3] >= _SAFE_ZIPFILE else " (3.11.8 or newer is recommended)"
    return Finding("Python", True, this + advice)


def _data_directory(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir.absolute()
    note = ""
    try:
        if not folder.exists():
            note = f"{folder} is not there yet; `seoga serve` and `seoga ingest` make it"
            folder = next(parent for parent in folder.parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        remedy = "Give this user the right to write there, or set SEOGA_DATA_DIR to another folder."
        yield Finding("data directory", False, f"{folder} cannot be written: {error.strerror}.", remedy)
        return
    yield Finding("data directory", True, note or str(folder))
    free = shutil.disk_usage(folder).free
    yield Finding(
        "disk room",
        free >= max(settings.min_free_bytes, _LITTLE_ROOM_BYTES),
        f"{free / 1e9:.1f} GB free",
        "Free some room: below 1 GB little can be taken in, and uploads stop at "
        f"{settings.min_free_bytes / 1e6:.0f} MB (SEOGA_MIN_FREE_BYTES).",
    )
    if settings.api_keys_file is not None:
        yield _readable("API keys", settings.api_keys_file, "SEOGA_API_KEYS_FILE")


def _readable(name: str, file: Path, variable: str) -> Finding:
    try:
        file.read_bytes()
        is_open = bool(file.stat().st_mode & stat.S_IROTH)
    except OSError as error:
        return Finding(name, False, f"{file} cannot be read: {error.strerror}.", f"Correct {variable}.")
    note = f" (every user of this machine may read it: `chmod o-rwx {file}`)" if is_open else ""
    return Finding(name, True, f"{file}{note}")


def _server(settings: Settings, connect: Connect) -> Iterator[Finding]:
    directory = DataDirectory(settings.data_dir)
    holder, server = (directory.holder(), directory.server()) if settings.url is None else (None, None)
    if settings.url is not None:
        yield Finding("server", True, f"that of {settings.url}")
    elif server is not None:
        yield Finding("server", True, f"runs at {server.url} (process {server.pid})")
    elif holder is None:
        yield Finding("server", True, "none runs; one was started for these checks")
    try:
        with connect("pretend") as client:
            yield from _health(client)
            yield from _engines(client)
    except DomainError as error:
        remedy = f"End process {holder.pid}, or wait for it." if holder else ""
        yield Finding("server start", False, f"{error.title}: {error.detail}", remedy)
    except httpx.HTTPError as error:
        yield Finding(
            "connection",
            False,
            f"The server does not answer ({str(error) or type(error).__name__}).",
            f"Restart process {holder.pid}." if holder else "",
        )
    except Exception as error:
        yield Finding("server start", False, f"{type(error).__name__}: {error}", "`seoga serve` shows the whole log.")


def _health(client: httpx.Client) -> Iterator[Finding]:
    """Every component; one that is not required is well enough as it is."""
    answer = client.get("/health/ready")
    try:
        components = answer.json()["components"]
    except (ValueError, KeyError):
        yield Finding("server", False, f"/health/ready answered with status {answer.status_code}.")
        return
    for name, component in components.items():
        ready, required = component["ready"], component["required"]
        note = "" if ready or required else " (not required)"
        yield Finding(name, ready or not required, component["detail"] + note, _REMEDIES.get(name.split(".")[-1], ""))


def _engines(client: httpx.Client) -> Iterator[Finding]:
    """Whether it is known which engine is fastest here; nothing is wrong while it is not."""
    answer = client.get("/api/v1/model/status")
    if answer.status_code != httpx.codes.OK:
        return  # another server's model, or a key that may not ask
    seen = answer.json()
    if seen["comparison"] is not None:
        yield Finding("engines", True, f"their comparison is {seen['comparison']}; see `seoga model status`")
    elif seen["engines"] is not None:
        yield Finding("engines", True, f"compared on {seen['engines']['machine']}")
