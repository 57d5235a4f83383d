"""The event loop of a server, which is there before the server: children begin in it while this process imports."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvloop

from shared.runtime.children import ChildProcess


@contextmanager
def loop_with_children(modules: Sequence[str]) -> Iterator[asyncio.Runner]:
    """A loop in which a child of each of these is under way; its runner runs whatever else is to run in it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        children = ChildProcess.ahead(modules)
        runner.run(children.__aenter__())
        try:
            yield runner
        finally:
            runner.run(children.__aexit__(None, None, None))
