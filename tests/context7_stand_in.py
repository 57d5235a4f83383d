"""Stands in for Context7: its MCP server as a loopback one, and the REST API that its real server asks."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from typing_extensions import override

REAL_SERVER: Final = Path(__file__).parents[1] / ".clients/context7/node_modules/@upstash/context7-mcp/dist/index.js"
FOUND = "Available Libraries:\n\n- Title: HS\n- Context7-compatible library ID: /wco/hs\n- Description: codes"
DOCS = "### Laptops\nSource: https://example.org/hs\nLaptops are of heading 84.71, HS 8471.30."


@dataclass
class StandIn:
    """What is said to which tool, and what was asked; `raw` goes out instead of any answer."""

    url: str = ""
    says: dict[str, str] = field(default_factory=lambda: {"resolve-library-id": FOUND, "query-docs": DOCS})
    asked: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    raw: bytes | None = None
    may_answer: threading.Event = field(default_factory=threading.Event)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method, number = message.get("method"), message.get("id")
        self.stand_in.headers.append({name.lower(): value for name, value in self.headers.items()})
        if number is None:
            self._send(202, b"")
        elif method == "initialize":
            version = message["params"]["protocolVersion"]
            server = {"name": "stand-in", "version": "1"}
            self._result(number, {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server})
        elif method == "tools/call":
            self.stand_in.asked.append(message["params"])
            self.stand_in.may_answer.wait(30)
            if self.stand_in.raw is not None:
                self._send(self.stand_in.status, self.stand_in.raw)
                return
            text = self.stand_in.says[message["params"]["name"]]
            self._result(number, {"content": [{"type": "text", "text": text}], "isError": False})
        elif method == "tools/list":
            schema = {"type": "object"}
            self._result(number, {"tools": [{"name": name, "inputSchema": schema} for name in self.stand_in.says]})
        else:
            error = {"code": -32601, "message": "Method not found"}
            self._send(200, json.dumps({"jsonrpc": "2.0", "id": number, "error": error}).encode())

    def do_GET(self) -> None:
        """As the REST API behind the real server; the MCP stand-in has no stream of its own."""
        path = urlsplit(self.path).path
        if not path.startswith("/api/"):
            self._send(405, b"")
            return
        self.stand_in.asked.append({"path": path})
        self.stand_in.may_answer.wait(30)
        if self.stand_in.status != 200:
            self._send(self.stand_in.status, b"{}")
        elif path.endswith("/libs/search"):
            library = {"id": "/wco/hs", "title": "HS", "description": "codes", "totalSnippets": 9, "trustScore": 9}
            self._send(200, json.dumps({"results": [library]}).encode())
        else:
            self._send(200, self.stand_in.raw if self.stand_in.raw is not None else DOCS.encode())

    def do_DELETE(self) -> None:
        self._send(200, b"")

    def _result(self, number: object, result: dict[str, Any]) -> None:
        self._send(200, json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode())

    def _send(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked has left

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def a_stand_in() -> Iterator[StandIn]:
    """Listens on a free port until the end."""
    stand_in = StandIn()
    stand_in.may_answer.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"stand_in": stand_in}))
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def the_real_server(upstream: StandIn) -> Iterator[str]:
    """The MCP server from npm on a free port until the end, with `upstream` as the REST API behind it; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CONTEXT7_API_URL": f"{upstream.url}/api"}
    for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        environment.pop(proxy, None)
    command = ["node", str(REAL_SERVER), "--transport", "http", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline or process.poll() is not None:
                        raise
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.kill()
