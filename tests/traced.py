"""A command watched from outside: which machines it and its children speak to, and which files they make."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared.silence import FETCHES_OFF, REPORTS_OFF

_ROOT: Final = Path(__file__).resolve().parents[1]
_CALLS: Final = "connect,sendto,sendmsg,sendmmsg,open,openat,creat,mkdir,mkdirat"
_STRACE: Final = (
    "strace",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-y",
    "-s",
    "4096",
    "-e",
    f"trace={_CALLS}",
    "-e",
    "signal=none",
)
_PORT: Final = re.compile(r"sin6?_port=htons\((\d+)\)")
_ADDRESS: Final = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_MADE: Final = re.compile(
    r'^\d+ +(?:mkdir|mkdirat|open|openat|creat)\((?:AT_FDCWD<([^>]*)>, |\d+<([^>]*)>, )?"([^"]*)"(.*)$'
)
_NAME_SERVERS: Final = ("/nscd/", "systemd/resolve", "avahi")
_DNS: Final = 53


@dataclass(frozen=True, slots=True)
class Traced:
    """What was seen of a command."""

    code: int
    output: str
    spoken_to: tuple[str, ...]
    """Addresses off this machine, and name servers wherever they are."""
    made: tuple[Path, ...]
    """Files and folders that were made, also those that are gone again."""


def why_not() -> str | None:
    """Why a command cannot be watched here, or None."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return None if tried.returncode == 0 else f"strace is not allowed here: {tried.stderr.strip()[:200]}"


def trace(*command: str | Path, home: Path, variables: dict[str, str], timeout_seconds: float) -> Traced:
    """Runs it in a home of its own; the environment is `untold`, and `variables`."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        done = subprocess.run(
            [*_STRACE, "-o", str(log), *map(str, command)],
            env={**untold(home), **variables},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_seconds,
        )
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return Traced(done.returncode, done.stdout, tuple(_spoken_to(lines)), tuple(_made(lines)))


def untold(home: Path) -> dict[str, str]:
    """This process's environment, with this home, and without what keeps a library from reporting.

    A library that does not report in continuous integration would not be seen there, so that is not said either.
    """
    quiet = {*REPORTS_OFF, *FETCHES_OFF, "CI", "GITHUB_ACTIONS", "PYTEST_CURRENT_TEST", "HF_HOME", "HF_HUB_CACHE"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in quiet and not name.startswith(("SEOGA_", "XDG_", "ORT_"))
    }
    paths = [str(_ROOT / "src"), str(_ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **kept,
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }


def _spoken_to(lines: Sequence[str]) -> Iterator[str]:
    seen = set()
    for line in lines:
        if "AF_UNIX" in line and any(name in line for name in _NAME_SERVERS):
            path = line.partition('sun_path="')[2].partition('"')[0]
            # glibc tries nscd before it looks into any file, also where there is none.
            if Path(path).exists():
                seen.add(path)
            continue
        port, address = _PORT.search(line), _ADDRESS.search(line)
        if port is None or address is None:
            continue
        host = address[1] or address[2]
        if int(port[1]) == _DNS or not (host.startswith("127.") or host in ("::1", "::ffff:127.0.0.1")):
            seen.add(f"{host} port {port[1]}")
    yield from sorted(seen)


def _made(lines: Sequence[str]) -> Iterator[Path]:
    seen = set()
    for line in lines:
        call = _MADE.match(line)
        if call is None or not call[4].rpartition(" = ")[2][:1].isdigit():
            continue
        if "mkdir" in line.partition("(")[0] or "O_CREAT" in call[4] or "creat(" in line:
            seen.add(Path(os.path.normpath(Path(call[1] or call[2] or "/") / call[3])))
    yield from sorted(seen)
