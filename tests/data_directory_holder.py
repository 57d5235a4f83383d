"""A process of its own that holds a data directory, and may serve a small HTTP answer from it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[1] / "src"
_PROGRAM = """
import http.server, json, os, sys, threading
from pathlib import Path
from shared.runtime.data_directory import DataDirectory

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"pid": os.getpid(), "host": self.headers["host"], "key": self.headers["authorization"]})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_):
        pass

directory = DataDirectory(Path(sys.argv[1]))
with directory.hold():
    url = sys.argv[2]
    if url == "serve":
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
    if url:
        directory.publish_server(url)
    print("held", flush=True)
    for line in sys.stdin:
        if line.strip() == "serve":
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            directory.publish_server(f"http://127.0.0.1:{server.server_address[1]}")
"""


@dataclass
class Holder:
    """The process."""

    pid: int
    process: "subprocess.Popen[str] | None" = None

    def kill(self) -> None:
        """Gone without a word."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def start_serving(self) -> None:
        """Listens from now on, and tells so in server.json."""
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write("serve\n")
        self.process.stdin.flush()


@contextmanager
def a_holder(folder: Path, *, url: str = "") -> Iterator[Holder]:
    """Holds `folder` until the block ends; publishes `url`, or its own address when it is `serve`."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(folder), url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(_SOURCE)},
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield Holder(process.pid, process)
    finally:
        process.communicate()
