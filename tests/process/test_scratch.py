"""The folder for files on their way: of one process each, and gone with it."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from process.infrastructure.scratch import Scratch

# Makes its folder, leaves a file there, says so and waits.
_ANOTHER = """
import asyncio, signal, sys
from pathlib import Path
from process.infrastructure.scratch import Scratch

async def stay():
    async with Scratch(Path(sys.argv[1])) as scratch:
        (scratch.folder / "on its way").write_text("a part")
        print(scratch.folder, flush=True)
        signal.pause()

asyncio.run(stay())
"""


def test_workers_on_one_directory_leave_each_other_alone_and_remove_what_the_dead_left(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    other = subprocess.Popen([sys.executable, "-c", _ANOTHER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        mine, there = asyncio.run(_while_entered(folder))
        assert there == {mine, theirs} and mine != theirs
        assert (theirs / "on its way").read_text() == "a part"
        assert not mine.exists()
    finally:
        os.kill(other.pid, signal.SIGKILL)
        other.communicate(timeout=60)
    assert theirs.exists()
    mine, there = asyncio.run(_while_entered(folder))
    assert there == {mine}
    assert not list(folder.iterdir())


async def _while_entered(folder: Path) -> tuple[Path, set[Path]]:
    """Its own folder, and all that there are."""
    async with Scratch(folder) as scratch:
        return scratch.folder, await asyncio.to_thread(lambda: set(folder.iterdir()))
