"""Seoga in several processes on a fleet: one that serves, workers that come and go; what each of them says is kept."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from command_line import Listening, command
from servers.machine import free_ports, wait_until

from shared.kernel import new_id

_START_SECONDS: Final = 60
_MODULES: Final = "ingest,search,monitor"


class House:
    """One installation: `api` stays at its address also when it is killed and started again."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._settings = {"SEOGA_LOG_LEVEL": "warning", "SEOGA_INSTALLATION": f"t{new_id()[:8]}", **settings}
        (self._port,) = free_ports(1)
        self.api: Listening
        self.workers: list[Listening] = []
        self.gone: list[Listening] = []
        """Those that ended."""
        self.is_spoilt = False
        """Whether something went wrong in it that others must not find."""

    @property
    def url(self) -> str:
        """Of the API."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def members(self) -> list[Listening]:
        """All that run."""
        return [self.api, *self.workers]

    def start_api(self) -> None:
        """Returns when it listens."""
        arguments = ("serve", "--modules", _MODULES, "--port", str(self._port))
        self.api = Listening("api", command(self._folder, *arguments, **self._settings))

    def kill_api(self) -> None:
        """SIGKILL; `start_api` brings it back."""
        self.api.end(signal.SIGKILL)
        self.gone.append(self.api)

    def add_worker(self) -> Listening:
        """One more."""
        number = len(self.workers) + len(self.gone) + 1
        worker = Listening(f"worker {number}", command(self._folder, "worker", **self._settings))
        self.workers.append(worker)
        return worker

    def remove_worker(self, worker: Listening, by: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        self.workers.remove(worker)
        self.gone.append(worker)
        return worker.end(by)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """When something fails in the block, what everybody said meanwhile is told with it."""
        began_at = time.monotonic()
        try:
            yield
        except Exception as error:
            self.is_spoilt = True
            for member in (*self.members, *self.gone):
                words = member.words(began_at)
                error.add_note(f"--- {member.name} said:\n{words[:6000]}\n…\n{words[6000:][-2000:]}")
            # Once more at the end: where output is cut, it is in the middle.
            error.add_note(f"--- what failed:\n{str(error)[:3000]}")
            raise

    def end(self) -> None:
        """All of them, in order."""
        for member in self.members:
            member.process.send_signal(signal.SIGTERM)
        wait_until(lambda: all(member.process.poll() is not None for member in self.members), 40)
        for member in self.members:
            member.end(signal.SIGKILL)


@contextmanager
def a_house(folder: Path, settings: dict[str, str], *, workers: int = 2) -> Iterator[House]:
    """With an API and some workers, as long as the block runs."""
    house = House(folder, settings)
    house.start_api()
    try:
        for _ in range(workers):
            house.add_worker()
        yield house
    finally:
        house.end()
