"""What the machine offers for running servers: free ports, processes that are surely ours, package managers."""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FETCHING: Final = threading.Lock()
"""Package managers run one at a time: they share what they have fetched."""


class CannotStart(Exception):
    """A server cannot be had here; the message says why and what would help."""


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, below those that the system gives to outgoing connections.

    A client that tries again and again to reach a stopped server on one of the latter meets itself in the end
    (TCP's simultaneous open), and no server can start there then.
    """
    try:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        lowest = 32768
    found: list[int] = []
    # Not seeded: two runs at once would try the same ports in the same order.
    for port in random.SystemRandom().sample(range(min(15000, lowest // 2), lowest), 500):
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise CannotStart(f"of 500 ports below {lowest} tried, fewer than {count} were free")


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on this port of loopback."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true within the time."""
    ends_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends_at:
            return False
        time.sleep(0.02)
    return True


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """One process for ever: a pid that was given to another process since is not it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        """Of a process that runs."""
        return cls(pid, _start_time(pid))

    @property
    def is_alive(self) -> bool:
        """False also for one that ended and that nobody has collected yet."""
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return bool(self.started) and _start_time(self.pid) == self.started

    def send(self, number: signal.Signals) -> bool:
        """Signals exactly this process; False if it is no more."""
        if not hasattr(os, "pidfd_open"):
            if not self.is_alive:
                return False
            os.kill(self.pid, number)
            return True
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # Asked after the handle is held: the pid cannot be given away in between.
            if not self.is_alive:
                return False
            signal.pidfd_send_signal(handle, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)


def _start_time(pid: int) -> str:
    """When the process started, in words of the system that are compared only; empty if it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
        shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout.strip()
    # After the name, which may hold spaces and parentheses: state is field 3, the start in clock ticks field 22.
    fields = stat.rpartition(")")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "" if fields[0] in "ZX" else f"{boot} {fields[19]}"


def start_process(command: Sequence[str], *, log: Path, folder: Path, user: str | None = None) -> ProcessMark:
    """Starts it detached from this one, which it outlives; its output goes to the log's end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=None if user is None else _group_of(user),
            extra_groups=None if user is None else [],
        )
    mark = ProcessMark.of(process.pid)
    # It is meant to outlive this program: nobody waits for it, and that is no mistake to warn of.
    process.returncode = 0
    return mark


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def run(command: Sequence[str], *, folder: Path | None = None, user: str | None = None) -> str:
    """The command's output. Raises CannotStart with the end of what it said."""
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=user,
        group=None if user is None else _group_of(user),
        extra_groups=None if user is None else [],
    )
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise CannotStart(f"`{' '.join(command[:4])} …` ended with {done.returncode}:\n{said}")
    return done.stdout


def program(name: str, *, package: str, also_in: Iterable[str] = ()) -> Path:
    """The program's path; where it is missing, this is Debian and we are root, its package is installed first."""

    def find() -> Path | None:
        found = shutil.which(name)
        if found:
            return Path(found)
        there = (path for pattern in also_in for path in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True))
        return next((path for path in there if os.access(path, os.X_OK)), None)

    with FETCHING:
        found = find()
        if found is None and shutil.which("apt-get") and os.geteuid() == 0:
            _apt_install(package)
            found = find()
    if found is None:
        raise CannotStart(f"the program `{name}` is missing; Debian has it in `{package}` (apt-get install {package})")
    return found


def _apt_install(package: str) -> None:
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120"]
    install = [*apt, "install", "-y", "--no-install-recommends", package]
    with _no_services():
        try:
            run(install)
        except CannotStart:
            # The lists may be old or not there yet.
            run([*apt, "update"])
            run(install)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    """Packages of servers start one as they are installed; here they do not (Debian Policy 9.3.3.2)."""
    policy = Path("/usr/sbin/policy-rc.d")
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Replaces the file: readers see the old or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
        file.write(text)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
