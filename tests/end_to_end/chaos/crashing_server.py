"""A server that kills itself with SIGKILL at the N-th event of a name: `python crashing_server.py DIR NAME N`.

It watches the bus like any other reader, so that the product needs no switch for tests. `artefact:<stage>`
is the moment at which the N-th artefact of the stage lies in its pack: between the stages of a small document
no event is published.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from main import Application
from search.application.renewal import Renewal
from shared.artefacts.address import original_key
from shared.events.catalogue import TOPICS
from shared.infrastructure.files.packs import unpack
from shared.runtime.data_directory import DataDirectory
from shared.settings import load_settings
from shared.web.server import bind, serve, url_of


async def _die_at(application: Application, name: str, count: int, on_watching: Callable[[], None]) -> None:
    kind, _, stage = name.partition(":")
    if kind == "artefact":
        on_watching()
        folder = application.settings.data_dir / "blobs" / "artefacts"
        while _artefacts(folder, stage) < count:  # noqa: ASYNC110 -- files set no event
            await asyncio.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    async with application.shared.bus().tail(*TOPICS) as envelopes:
        on_watching()
        async for envelope in envelopes:
            if envelope.name == name:
                count -= 1
                if count == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


def _artefacts(folder: Path, stage: str) -> int:
    """Of the stage, in packs and in files of their own."""
    names = [path.name.partition(".")[2] for path in folder.rglob("*.*-*")]
    for path in folder.rglob("*.pack"):
        original = path.parents[2] / original_key(path.name.partition(".")[0])
        names += unpack(path.read_bytes(), original.read_bytes)
    return sum(name.startswith(f"{stage}-") for name in names)


def _renewals_wait_for(watching: asyncio.Event) -> None:
    """A renewal begins by itself: what it tells before anybody watches would not be seen."""
    run = Renewal.run

    async def held(renewal: Renewal) -> None:
        await watching.wait()
        await run(renewal)

    Renewal.run = held  # type: ignore[method-assign, assignment]  # begun by the container, which asks nobody


def main(folder: Path, name: str, count: int) -> None:
    """Serves on a free port, which is told when it watches, until the event comes."""
    directory = DataDirectory(folder)
    with directory.hold(), bind("127.0.0.1", 0) as bound:
        application = Application(load_settings(data_dir=folder), directory)
        tasks: list[asyncio.Task[None]] = []
        watching = asyncio.Event()
        _renewals_wait_for(watching)

        def on_watching() -> None:
            watching.set()
            directory.publish_server(url_of(bound))

        def on_listening() -> None:
            dying = _die_at(application, name, count, on_watching)
            tasks.append(asyncio.get_running_loop().create_task(dying))

        serve(application.web, bound, on_listening)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
