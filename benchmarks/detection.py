"""M10: how soon people hear of a component that was killed, and of its return, with the rules that are ready-made."""

import json
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, Literal

from typing_extensions import override

from benchmarks.figures import Figure, median
from benchmarks.server import RunningServer, a_server

_KILLS: Final = 10
_RULE: Final = "component down"
_COMPONENT: Final = "shared.cache"
_LONGEST_BEAT_SECONDS: Final = 10.0
"""Components are looked at as often: a kill comes at any moment between two looks."""
_DOWN_SECONDS: Final = 15.0
"""After the alert: one that is taken back although nothing came back would show."""
_PATIENCE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class _Heard:
    at: float
    state: Literal["firing", "resolved"]
    component: str


class _Receiver:
    """A webhook on the loopback that keeps what it was told of the rule, and when."""

    def __init__(self) -> None:
        self.heard: list[_Heard] = []
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                receiver._take(body["alerts"])

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def _take(self, alerts: Sequence[dict[str, Any]]) -> None:
        with self._came:
            self.heard += [
                _Heard(time.monotonic(), alert["state"], alert["labels"].get("component", ""))
                for alert in alerts
                if alert["rule"] == _RULE
            ]
            self._came.notify_all()

    def wait_for(self, state: str, *, since: int) -> float:
        """When it came, among what was heard after the first `since`; raises TimeoutError."""

        def found() -> list[float]:
            return [one.at for one in self.heard[since:] if (one.state, one.component) == (state, _COMPONENT)]

        with self._came:
            if not self._came.wait_for(found, _PATIENCE_SECONDS):
                raise TimeoutError(f"nobody said within {_PATIENCE_SECONDS:.0f} s that {_COMPONENT} is {state}")
            return found()[0]


@contextmanager
def _receiving() -> Iterator[_Receiver]:
    receiver = _Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


class _Redis:
    """A real one, without files, which stays down once it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it takes connections."""
        arguments = ("--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self._folder))
        self._process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
        _until(self._answers)

    def kill(self) -> None:
        """With SIGKILL; returns when it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_SECONDS:.0f} s")
        time.sleep(0.05)


def _is_well(server: RunningServer) -> bool:
    components = server.client.get("/api/v1/monitor/health").json()["components"]
    return bool(components[_COMPONENT]["status"] == "ok")


def _kill_and_restart(redis: _Redis, receiver: _Receiver, pause: float) -> tuple[float, float]:
    """Seconds from the kill to the alert, and from the restart to its end."""
    time.sleep(pause)
    known = len(receiver.heard)
    killed = time.monotonic()
    redis.kill()
    told = receiver.wait_for("firing", since=known) - killed
    time.sleep(_DOWN_SECONDS)
    redis.start()
    restarted = time.monotonic()
    return told, receiver.wait_for("resolved", since=known) - restarted


def _measured() -> tuple[list[float], list[float], int]:
    chance = random.Random(10)
    with tempfile.TemporaryDirectory(prefix="seoga-bench-") as folder, _receiving() as receiver:
        redis = _Redis(Path(folder))
        redis.start()
        try:
            with a_server(
                SEOGA_CACHE_URL=f"redis://127.0.0.1:{redis.port}/0", SEOGA_NOTIFY_HOSTS="127.0.0.1"
            ) as server:
                channel = {
                    "name": "ops",
                    "kind": "webhook",
                    "settings": {"url": receiver.url, "secret": "of this measurement"},
                }
                server.client.post("/api/v1/monitor/channels", json=channel).raise_for_status()
                _until(lambda: _is_well(server))
                times = [
                    _kill_and_restart(redis, receiver, chance.uniform(0, _LONGEST_BEAT_SECONDS)) for _ in range(_KILLS)
                ]
                # What flaps after the last return is heard too.
                time.sleep(2 * _LONGEST_BEAT_SECONDS)
        finally:
            redis.kill()
        return [told for told, _ in times], [over for _, over in times], len(receiver.heard) - 2 * _KILLS


def measure() -> list[Figure]:
    """Seconds, as the receiver of a webhook sees them; and messages beyond one of each kind."""
    told, over, flaps = _measured()
    note = f"worst of {_KILLS}; median {{:.1f}} s"
    return [
        Figure(
            "M10",
            "component killed to alert received",
            max(told),
            "s",
            None,
            "≤ 30 s",
            max(told) <= 30,
            note.format(median(told)),
        ),
        Figure(
            "M10",
            "component back to its end received",
            max(over),
            "s",
            None,
            "≤ 30 s",
            max(over) <= 30,
            note.format(median(over)),
        ),
        Figure("M11", f"flaps over {_KILLS} kills", flaps, "messages", None, "0", flaps == 0),
    ]
