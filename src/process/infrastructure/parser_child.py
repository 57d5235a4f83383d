"""The child process in which files are parsed: `python -m process.infrastructure.parser_child`."""

import math
import resource
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from process.infrastructure.parsers.draft import Draft, Unreadable
from shared.runtime.children import Handler, serve_parent

PARSERS: Final = {
    "text/plain": "process.infrastructure.parsers.text",
    "text/markdown": "process.infrastructure.parsers.markdown",
    "text/html": "process.infrastructure.parsers.html",
    "application/pdf": "process.infrastructure.parsers.pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "process.infrastructure.parsers.docx",
}
"""Media type → the module whose `parse(path, draft)` reads it, imported when the first one comes."""


def read(path: Path, media_type: str, *, most_characters: int) -> bytes:
    """The JSON of a ParsedDocument. Raises Unreadable; MemoryError and what parsers let out otherwise."""
    module = PARSERS.get(media_type)
    if module is None:
        raise Unreadable("unsupported", f"This version does not read files of the type {media_type}.")
    # A shortage of descriptors shows here; libraries would call the file damaged.
    path.open("rb").close()
    fill: Callable[[Path, Draft], None] = import_module(module).parse
    draft = Draft(media_type, most_characters=most_characters)
    fill(path, draft)
    return draft.to_bytes()


def parse(path: str, media_type: str, most_characters: int, cpu_seconds: float) -> dict[str, Any]:
    """`read`, within a limit of processor time: `{"document": …, "peak_bytes": of this process}`."""
    _limit_cpu(cpu_seconds)
    document = read(Path(path), media_type, most_characters=most_characters)
    return {"document": document, "peak_bytes": _peak_bytes()}


def _peak_bytes() -> int:
    """The most memory this program has held. `ru_maxrss` would be the parent's own: it passes through exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def _limit_cpu(seconds: float) -> None:
    """From now on this process may use so much more processor time; then the kernel ends it (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


HANDLERS: Final[dict[str, Handler]] = {"parse": parse}

if __name__ == "__main__":
    serve_parent(HANDLERS)
