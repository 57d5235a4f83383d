"""Starts, stops, pauses and kills the servers of `make servers`; tests of faults use the same functions.

Each server has a folder with its data, its log and `server.json`: ports that stay for ever, and the mark of the
process that was started, so that only that one is ever signalled.
"""

import contextlib
import fcntl
import json
import shlex
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from servers import FOLDER, Name
from servers.machine import CannotStart, ProcessMark, free_ports, is_listening, start_process, wait_until, write_whole
from servers.programs import SERVERS, Ready, Server

_START_SECONDS: Final = 90
_STOP_SECONDS: Final = 30
_PORT_SECONDS: Final = 2
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: Name
    url: str
    kind: str
    seconds: float
    """From asking for it to its answer."""
    was_running: bool


class Servers:
    """The servers of one folder. A test that spoils servers makes a folder of its own: nobody else sees these."""

    def __init__(self, folder: Path = FOLDER, *, fetched: Path | None = None) -> None:
        """`fetched` is the folder whose programs are used, if they are not fetched into this one."""
        self.folder = folder
        self._fetched = fetched or folder

    def start(self, name: Name) -> Running:
        """Starts it if it does not run, on the ports and with the data that it had. Raises CannotStart."""
        with self._alone(name):
            return self._start(name)

    def stop(self, name: Name) -> bool:
        """Ends it in order, so that it keeps its data; by force after 30 s. False if it did not run."""
        with self._alone(name):
            mark = self._mark(name)
            if mark is None or not mark.send(signal.SIGCONT):
                return False
            # PostgreSQL waits for its clients on SIGTERM, not on SIGINT.
            mark.send(signal.SIGINT if name == "postgres" else signal.SIGTERM)
            if not wait_until(lambda: not mark.is_alive, _STOP_SECONDS):
                mark.send(signal.SIGKILL)
                wait_until(lambda: not mark.is_alive, _STOP_SECONDS)
            return True

    def restart(self, name: Name) -> Running:
        """Stops and starts it: same ports, same data."""
        self.stop(name)
        return self.start(name)

    def kill(self, name: Name) -> None:
        """SIGKILL; returns when it is no more. `start` brings it back."""
        mark = self._running(name)
        mark.send(signal.SIGKILL)
        wait_until(lambda: not mark.is_alive, _STOP_SECONDS)

    def pause(self, name: Name) -> None:
        """SIGSTOP: connections stay and nothing answers, until `resume`."""
        self._running(name).send(signal.SIGSTOP)

    def resume(self, name: Name) -> None:
        """SIGCONT after `pause`."""
        self._running(name).send(signal.SIGCONT)

    def is_running(self, name: Name) -> bool:
        """Whether its process is there (paused counts)."""
        mark = self._mark(name)
        return mark is not None and mark.is_alive

    def write_urls(self) -> Path:
        """Writes `urls.env` anew, for tests and for `seoga` itself: where everything is that was started.

        One that a test of faults has just killed is there too: it comes back at the same place.
        """
        lines = ["# Written by `make servers`. For a shell: set -a; . .servers/urls.env; set +a; seoga serve"]
        for server in SERVERS:
            state = self._state(server.name)
            if not state.get("process"):
                continue
            variable = f"SEOGA_TEST_{server.name.upper()}"
            told = {variable: state["url"], f"{variable}_KIND": state["kind"]}
            told |= {f"{variable}_{more}": value for more, value in state["facts"].items()}
            told |= {name: value.format(url=state["url"]) for name, value in server.settings.items()}
            lines += [f"{name}={shlex.quote(value)}" for name, value in told.items()]
        path = self.folder / "urls.env"
        write_whole(path, "\n".join(lines) + "\n")
        return path

    def forget(self, name: Name) -> None:
        """Stops it for good: `urls.env` will not name it. Ports and data stay for the next `start`."""
        self.stop(name)
        state = self._state(name)
        if state.pop("process", None):
            self._write(name, state)

    def _start(self, name: Name) -> Running:
        began = time.monotonic()
        server = next(server for server in SERVERS if server.name == name)
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        state = self._state(name)
        was_running = self.is_running(name)
        ports = state.get("ports") or []
        if len(ports) != server.ports:
            ports = free_ports(server.ports)
        ready = server.prepare(self._fetched, place, ports)
        for attempt in range(_TRIES):
            mark = self._mark(name)
            if mark is None or not mark.is_alive:
                # PostgreSQL finds its lock held while the system still clears away what was killed just now.
                time.sleep(attempt)
                # A killed Java's last threads hold its port a moment longer.
                if not wait_until(lambda: not is_listening(ports[0]), _PORT_SECONDS):
                    raise CannotStart(f"another program listens on port {ports[0]}, which is {name}'s: end it first")
                mark = start_process(ready.command, log=place / "log", folder=place, user=ready.user)
                self._write(name, _as_state(server, ready, ports, mark))
            mark.send(signal.SIGCONT)
            if _answers(ready, mark):
                return Running(name, ready.url, _kind(server, ready), time.monotonic() - began, was_running)
            if mark.is_alive:
                raise CannotStart(f"{name} did not answer within {_START_SECONDS} s; {_end_of(place / 'log')}")
        raise CannotStart(f"{name} ended; {_end_of(place / 'log')}")

    def _running(self, name: Name) -> ProcessMark:
        mark = self._mark(name)
        if mark is None or not mark.is_alive:
            raise CannotStart(f"{name} does not run (`make servers` starts it)")
        return mark

    def _mark(self, name: Name) -> ProcessMark | None:
        process = self._state(name).get("process")
        return ProcessMark(**process) if process else None

    def _state(self, name: Name) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads((self.folder / name / "server.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return state

    def _write(self, name: Name, state: dict[str, Any]) -> None:
        write_whole(self.folder / name / "server.json", json.dumps(state, indent=1))

    @contextlib.contextmanager
    def _alone(self, name: Name) -> Iterator[None]:
        """Two who start the same server at once would both find that it does not run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f".{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _answers(ready: Ready, process: ProcessMark) -> bool:
    """True as soon as it does; False when it ended or the time is over."""
    wait_until(lambda: ready.is_ready() or not process.is_alive, _START_SECONDS)
    return process.is_alive and ready.is_ready()


def _end_of(log: Path) -> str:
    return f"the end of {log}:\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:])


def _kind(server: Server, ready: Ready) -> str:
    return f"{ready.version} ({server.not_proven} not proven)" if server.not_proven else ready.version


def _as_state(server: Server, ready: Ready, ports: list[int], mark: ProcessMark) -> dict[str, Any]:
    return {
        "url": ready.url,
        "kind": _kind(server, ready),
        "facts": dict(ready.facts),
        "ports": ports,
        "process": asdict(mark),
    }
