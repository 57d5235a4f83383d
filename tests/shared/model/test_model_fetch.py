"""`seoga model fetch`, from a stand-in of the hub on this machine, and where there is none."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from command_line import seoga, seoga_process
from model_builders import a_tiny_model

from shared.model.files.config import model_config
from shared.settings import Settings

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny"
LARGE = "model.safetensors"


class Hub:
    """Serves one model's folder as the hub does; large files by SHA-256, small ones as git blobs."""

    def __init__(self, folder: Path) -> None:
        self.files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        self.hashes = {name: self._hash(name) for name in self.files}
        self.served: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub.answer(self)

            def do_HEAD(self) -> None:
                hub.answer(self)

            def log_message(self, *_: object) -> None:
                """Nothing is logged."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def _hash(self, name: str) -> str:
        content = self.files[name]
        if name == LARGE:
            return hashlib.sha256(content).hexdigest()
        return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        if path.startswith(f"/api/models/{NAME}/tree/"):
            rows = [
                {"type": "file", "path": name, "size": len(content), "oid": self.hashes[name]}
                | (
                    {"lfs": {"oid": self.hashes[name], "size": len(content), "pointerSize": 134}}
                    if name == LARGE
                    else {}
                )
                for name, content in self.files.items()
            ]
            self._send(request, json.dumps(rows).encode(), {})
        elif path.startswith(f"/api/models/{NAME}"):
            siblings = [{"rfilename": name} for name in self.files]
            self._send(request, json.dumps({"id": NAME, "sha": COMMIT, "siblings": siblings}).encode(), {})
        elif path.startswith(f"/{NAME}/resolve/"):
            name = path.partition("/resolve/")[2].partition("/")[2]
            self._send_file(request, name)
        else:
            self._send(request, b"{}", {"X-Error-Code": "RepoNotFound"}, status=404)

    def _send_file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        content = self.files[name]
        headers = {"ETag": f'"{self.hashes[name]}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        asked = request.headers.get("Range")
        status = 200
        if asked and asked.startswith("bytes="):
            begin = int(asked.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            content, status = content[begin:], 206
        if request.command == "GET":
            self.served.append(name)
        self._send(request, content, headers, status=status)

    def _send(
        self, request: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str], *, status: int = 200
    ) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(content)


def _pointer(digest: str, content: bytes) -> dict[str, object]:
    return {"oid": digest, "size": len(content), "pointerSize": 134}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = a_tiny_model(tmp_path / "published")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    hub = Hub(folder)
    thread = threading.Thread(target=hub.server.serve_forever)
    thread.start()
    yield hub
    hub.server.shutdown()
    hub.server.server_close()
    thread.join()


def fetch(tmp_path: Path, name: str, endpoint: str, *, code: int = 0) -> tuple[str, str]:
    return seoga_process(
        tmp_path / "data", "model", "fetch", name, code=code, HF_ENDPOINT=endpoint, HF_HOME=str(tmp_path / "cache")
    )


@pytest.mark.slow
def test_a_model_is_fetched_checked_and_found_by_its_name(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, _ = fetch(tmp_path, NAME, hub.url)
    assert f"Set SEOGA_MODEL_NAME={NAME} and restart" in said
    assert "pytorch_model.bin" not in hub.served
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    config = model_config(Settings(model_name=NAME))
    assert (config.name, config.dimension) == ("tiny", 32)
    assert config.weights.read_bytes() == hub.files[LARGE]


@pytest.mark.slow
def test_what_came_damaged_is_told_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    content = hub.files[LARGE]
    hub.files[LARGE] = bytes(len(content))
    _, errors = fetch(tmp_path, NAME, hub.url, code=1)
    assert f"'{LARGE}' came damaged" in errors
    hub.files[LARGE] = content
    fetch(tmp_path, NAME, hub.url)


@pytest.mark.slow
def test_without_a_network_it_says_what_to_do(tmp_path: Path) -> None:
    _, errors = fetch(tmp_path, NAME, "http://127.0.0.1:9", code=1)
    assert "copy the folder 'models--someone--tiny'" in errors
    assert "multilingual-e5-small are installed with Seoga" in errors


@pytest.mark.slow
def test_what_the_hub_does_not_have_is_said(hub: Hub, tmp_path: Path) -> None:
    assert "The hub has no model 'someone/else'" in fetch(tmp_path, "someone/else", hub.url, code=1)[1]


@pytest.mark.parametrize(
    ("name", "said"), [("multilingual-e5-small", "is installed with Seoga"), ("a b", "not the name")]
)
def test_what_is_no_name_or_is_there_is_not_asked_for(tmp_path: Path, name: str, said: str) -> None:
    assert said in seoga(tmp_path / "data", "model", "fetch", name, code=1)[1]
