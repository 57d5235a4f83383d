"""The data directory: who holds it, where its server listens, and which version its files have.

`lock` is held with flock by the one process that works on the directory and names that process;
`server.json` says where it listens and is worth something only while the lock is held; `schema.json` says
which version of Seoga wrote the files.
"""

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from shared.durable_files import write_whole
from shared.kernel import Conflict, DomainError, StorageFull
from shared.settings import WrongSettings

Upgrade = Callable[[Path], None]
"""Brings the files of a directory from one schema version to the next. Copies what it changes first."""

UPGRADES: Final[tuple[Upgrade, ...]] = ()
"""The upgrade at index n leads from version n + 1 to n + 2."""


class NewerData(DomainError):
    """A newer version of Seoga wrote this data directory."""

    code = "data_directory_newer"
    title = "The data directory was written by a newer Seoga"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock."""

    pid: int
    boot_id: str


@dataclass(frozen=True, slots=True)
class RunningServer:
    """Where the server of a data directory listens."""

    url: str
    pid: int
    boot_id: str


class DataDirectory:
    """One folder with everything Seoga keeps. Used by one process at a time."""

    def __init__(self, path: Path, *, upgrades: Sequence[Upgrade] = UPGRADES, patience_seconds: float = 0.5) -> None:
        """`patience_seconds` is how long a lock that is held is asked for.

        A client that looks whether it is held holds it for microseconds itself; a dying process a little longer.
        """
        self.path = path
        self.boot_id = str(uuid4())
        """Names this process's time as the holder; leases carry it."""
        self._upgrades = upgrades
        self._patience_seconds = patience_seconds

    @property
    def schema_version(self) -> int:
        """The version this Seoga writes."""
        return len(self._upgrades) + 1

    @contextmanager
    def hold(self) -> Iterator["DataDirectory"]:
        """Makes the folder if it is not there, takes its lock, upgrades its files; the lock goes with the process.

        Raises Conflict (code `data_directory_in_use`), NewerData, WrongSettings when it cannot be written,
        StorageFull.
        """
        with self._explained():
            self.path.mkdir(parents=True, exist_ok=True)
            # Python opens with O_CLOEXEC: a child process that outlives this one holds no lock.
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            with self._explained():
                self._take(descriptor)
                # What a killed holder left there is about a server that is gone.
                self._server_file.unlink(missing_ok=True)
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, json.dumps(asdict(Holder(os.getpid(), self.boot_id))).encode(), 0)
                self._upgrade()
            yield self
        finally:
            with contextlib.suppress(OSError):
                self.remove_server()
            os.close(descriptor)

    def join(self) -> None:
        """Makes the folder if it is not there; for a process that keeps its state on servers and nothing alone here.

        Raises WrongSettings, StorageFull.
        """
        with self._explained():
            self.path.mkdir(parents=True, exist_ok=True)

    def publish_server(self, url: str) -> None:
        """Tells clients where the holder listens. `url` is one that this machine can reach."""
        self._write(self._server_file, asdict(RunningServer(url, os.getpid(), self.boot_id)))

    def remove_server(self) -> None:
        """The holder does not listen any more."""
        server = self._read_server()
        if server is not None and server.boot_id == self.boot_id:
            self._server_file.unlink(missing_ok=True)

    def is_held(self) -> bool:
        """Whether a living process (this one included) holds the directory now."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def holder(self) -> Holder | None:
        """Who holds the lock, or None when nobody does (or it was taken this very moment)."""
        if not self.is_held():
            return None
        content = _read_json(self.path / "lock")
        try:
            return Holder(pid=int(content["pid"]), boot_id=str(content["boot_id"]))
        except (KeyError, TypeError, ValueError):
            return None

    def server(self) -> RunningServer | None:
        """The server to speak to: what server.json says, if the lock's present holder wrote it."""
        server = self._read_server()
        if server is None:
            return None
        holder = self.holder()
        return server if holder is not None and holder.boot_id == server.boot_id else None

    @property
    def _server_file(self) -> Path:
        return self.path / "server.json"

    def _read_server(self) -> RunningServer | None:
        content = _read_json(self._server_file)
        try:
            return RunningServer(url=str(content["url"]), pid=int(content["pid"]), boot_id=str(content["boot_id"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _take(self, descriptor: int) -> None:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
        holder, server = self.holder(), self.server()
        process = f"process {holder.pid}" if holder else "another process"
        where = f" ({server.url})" if server else ""
        raise Conflict(
            f"The data directory {self.path} is in use by {process}{where}. "
            "Use that server, stop it, or choose another SEOGA_DATA_DIR.",
            code="data_directory_in_use",
        )

    def _upgrade(self) -> None:
        file = self.path / "schema.json"
        if not file.exists():
            self._write(file, {"version": self.schema_version})
            return
        version = _read_json(file).get("version")
        if not isinstance(version, int) or version < 1:
            raise WrongSettings(f"{file} does not say which version of Seoga wrote this data directory.")
        if version > self.schema_version:
            raise NewerData(
                f"The data directory {self.path} has version {version}, this Seoga reads up to "
                f"{self.schema_version}. Use the newer Seoga, or choose another SEOGA_DATA_DIR."
            )
        for number in range(version, self.schema_version):
            self._upgrades[number - 1](self.path)
            self._write(file, {"version": number + 1})

    def _write(self, file: Path, content: dict[str, Any]) -> None:
        """Whole or not at all, and on disk when it returns."""
        write_whole(file, json.dumps(content).encode(), beside=file.with_name(f"{file.name}.new"))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull(
                    f"The disk that holds {self.path} is full. Free some room; nothing was lost."
                ) from error
            raise WrongSettings(
                f"SEOGA_DATA_DIR was '{self.path}': it cannot be written ({error.strerror}). "
                "Choose a folder that this user may write to."
            ) from error


def _read_json(file: Path) -> dict[str, Any]:
    """What the file says, or nothing when it is not there or half-written."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
