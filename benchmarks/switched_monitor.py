"""`python -m benchmarks.switched_monitor serve …`: a server whose monitor SIGUSR1 switches on and SIGUSR2 off.

Two servers that are alike differ in speed, for as long as they live, by more than the monitor takes: what it costs is
measured within one. It begins off; `switched` in the data directory says what it is.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from benchmarks.chosen_modules import serve
from main import Application
from monitor.container import MonitorContainer
from shared.runtime.data_directory import DataDirectory
from shared.runtime.module import Module
from shared.runtime.running import running
from shared.settings import Settings
from shared.vocabulary import INGEST, MONITOR, PROCESS, SEARCH

SWITCHED: Final = "switched"


class _Switched(Application):
    def __init__(
        self, settings: Settings, directory: DataDirectory, find_model: Callable[[], str | None] | None = None
    ) -> None:
        others = settings.model_copy(update={"modules": (INGEST, PROCESS, SEARCH)})
        super().__init__(others, directory, find_model)
        self._watching = settings.model_copy(update={"modules": (*others.modules, MONITOR)})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With the switch."""
        async with super().running():
            switching = asyncio.create_task(self._switch())
            try:
                yield
            finally:
                switching.cancel()
                await asyncio.gather(switching, return_exceptions=True)

    async def _switch(self) -> None:
        asked: asyncio.Queue[bool] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, asked.put_nowait, True)
        loop.add_signal_handler(signal.SIGUSR2, asked.put_nowait, False)
        told = self.settings.data_dir / SWITCHED
        async with AsyncExitStack() as stack:
            while True:
                told.write_text("on" if await self._is_on(stack, asked) else "off")

    async def _is_on(self, stack: AsyncExitStack, asked: "asyncio.Queue[bool]") -> bool:
        if not await asked.get():
            await stack.aclose()
            return False
        shared = self.shared
        await stack.enter_async_context(
            running(
                [self._monitor()],
                bus=shared.bus(),
                metrics=shared.metrics(),
                owner=self._owner,
                claim=None,
                waiting=shared.waiting(),
                belonging=shared.belonging(),
            )
        )
        return True

    def _monitor(self) -> Module:
        """A new one: it cannot be opened twice."""
        shared = self.shared
        container = MonitorContainer(
            settings=self._watching,
            bus=shared.bus,
            access=shared.access,
            audit=shared.audit,
            metrics=shared.metrics,
            remotes=shared.remotes,
            cache=shared.cache,
            mongo=shared.mongo,
            plugs=tuple(self.plugs),
            job_stores={plug.name: plug.job_store for plug in self.plugs if plug.job_store is not None},
        )
        module: Module = container.module()
        return module


if __name__ == "__main__":
    serve(_Switched)
