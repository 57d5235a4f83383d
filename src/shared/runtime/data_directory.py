"""The data directory: who holds it, where its server listens, and which version its files have.

The one process that works on the directory holds two locks with flock: on the folder itself, which nobody can take
away from under it, and on `lock`, which names that process, and which earlier versions of Seoga hold alone.
`server.json` says where it listens and is worth something only while the directory is held; `schema.json` says which
version of Seoga wrote the files.
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

from shared.disk_reserve import DiskReserve
from shared.durable_files import write_whole
from shared.kernel import Conflict, DomainError, StorageFull, utc_now
from shared.settings import WrongSettings

Upgrade = Callable[[Path], None]
"""Brings the files of a directory from one schema version to the next. Copies what it changes first."""


def _refused_from_now_on(_: Path) -> None:
    """What is to be done, stores do when they open; a former Seoga would find no text of any chunk in search.sqlite."""


UPGRADES: Final[tuple[Upgrade, ...]] = (_refused_from_now_on,)
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
    since: str = ""
    """An instant in ISO 8601."""


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
        self.left_by: Holder | None = None
        """The holder before this one, when it ended without leaving: killed, or with the machine."""
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
        with contextlib.ExitStack() as stack:
            with self._explained():
                self.path.mkdir(parents=True, exist_ok=True)
                # The folder first: whoever deletes the file must not let a second process in.
                self._take(stack, os.O_RDONLY | os.O_DIRECTORY, self.path)
                descriptor = self._take(stack, os.O_RDWR | os.O_CREAT, self._lock_file)
                # What a killed holder left there is about a server that is gone.
                self._server_file.unlink(missing_ok=True)
                # On a full disk not even the stores can be opened without a little room.
                DiskReserve(self.path).release_if_short()
                before = _read_json(self._lock_file)
                # Who leaves empties the file; versions before this one, which wrote no `since`, did not.
                if before.get("since"):
                    self.left_by = Holder(before.get("pid", 0), before.get("boot_id", ""), before["since"])
                stack.callback(self._leave, descriptor)
                os.ftruncate(descriptor, 0)
                holder = Holder(os.getpid(), self.boot_id, utc_now().isoformat(timespec="seconds"))
                os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
                self._upgrade()
            yield self

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

    def is_there(self) -> bool:
        """Whether a Seoga has worked here; a folder alone, whatever else is in it, is none."""
        known = any((self.path / name).exists() for name in ("schema.json", "lock", "blobs"))
        # What was copied without those, or lost them, is one as well.
        return known or any(self.path.glob("*.sqlite"))

    def is_held(self) -> bool:
        """Whether a living process (this one included) holds the directory now."""
        return any(_is_locked(path) for path in (self.path, self._lock_file))

    def holder(self) -> Holder | None:
        """Who holds the directory, or None when nobody does (or it was taken this very moment)."""
        if not self.is_held():
            return None
        content = _read_json(self._lock_file)
        with contextlib.suppress(KeyError, TypeError, ValueError):
            return Holder(pid=int(content["pid"]), boot_id=str(content["boot_id"]))
        # The file was deleted: its server tells as much, as long as it lives.
        server = self._read_server()
        return Holder(server.pid, server.boot_id) if server is not None and _lives(server.pid) else None

    def server(self) -> RunningServer | None:
        """The server to speak to: what server.json says, if the lock's present holder wrote it."""
        server = self._read_server()
        if server is None:
            return None
        holder = self.holder()
        return server if holder is not None and holder.boot_id == server.boot_id else None

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def _server_file(self) -> Path:
        return self.path / "server.json"

    def _read_server(self) -> RunningServer | None:
        content = _read_json(self._server_file)
        try:
            return RunningServer(url=str(content["url"]), pid=int(content["pid"]), boot_id=str(content["boot_id"]))
        except (KeyError, TypeError, ValueError):
            return None

    def _leave(self, descriptor: int) -> None:
        with contextlib.suppress(OSError):
            self.remove_server()
            os.ftruncate(descriptor, 0)

    def _take(self, stack: contextlib.ExitStack, flags: int, path: Path) -> int:
        """The descriptor that holds the lock on `path` until the stack is left."""
        # A child process that outlives this one holds no lock.
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
        stack.callback(os.close, descriptor)
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            except OSError as error:
                # NFS makes flock a lock for writing, which a folder cannot have: there the file is all there is.
                if path != self.path or error.errno not in (errno.EBADF, errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK):
                    raise
                return descriptor
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


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno == errno.EPERM
    return True


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _read_json(file: Path) -> dict[str, Any]:
    """What the file says, or nothing when it is not there or half-written."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
