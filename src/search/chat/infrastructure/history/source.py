"""Opens the history with the first question: until then nobody pays for SQLAlchemy."""

import asyncio
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from typing_extensions import override

from search.chat.application.ports.history import ChatHistory, HistorySource
from shared.kernel import Unavailable
from shared.ports.health import ComponentHealth
from shared.runtime.resilience import Remotes
from shared.settings import Settings, scheme_of, without_credentials

if TYPE_CHECKING:
    from search.chat.infrastructure.history.store import SqlHistory

_ROOM: Final = "search.chat.infrastructure.history"
FILE: Final = "chat.sqlite"
"""In the data directory."""


class SqlHistorySource(HistorySource):
    """An async context manager; leaving it closes what was opened."""

    def __init__(self, settings: Settings, remotes: Remotes) -> None:
        self._url = settings.chat_url
        self._data_dir: Path = settings.data_dir
        self._timeout_seconds = settings.server_timeout_seconds
        self._is_embedded = scheme_of(self._url) == "sqlite"
        self._remotes = remotes
        self._opening = asyncio.Lock()
        self._history: SqlHistory | None = None
        self._is_closed = False

    @property
    def _where(self) -> str:
        if self._is_embedded:
            return f"The file of conversations {self._data_dir / FILE}"
        return f"PostgreSQL at {without_credentials(self._url)} (SEOGA_CHAT_URL)"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        async with self._opening:
            # Whoever comes now, as the server ends, would open what nobody closes.
            self._is_closed = True
            if self._history is not None:
                await self._history.close()
                self._history = None

    @override
    async def get(self) -> ChatHistory:
        if self._history is None:
            async with self._opening:
                if self._is_closed:
                    raise Unavailable("The server ends: conversations are closed.")
                if self._history is None:
                    self._history = await self._open()
        return self._history

    @override
    async def check(self) -> ComponentHealth:
        if self._history is None:
            return ComponentHealth(True, "opened with the first question", required=False)
        await self._history.check()
        return ComponentHealth(True, "answers", required=False)

    async def _open(self) -> "SqlHistory":
        # A third of a second of imports, during which answers of others go on.
        engine_file, store_file, errors = [
            await asyncio.to_thread(importlib.import_module, f"{_ROOM}.{name}")
            for name in ("engine", "store", "errors")
        ]

        async def once() -> Any:
            with errors.translated(self._where):
                return await engine_file.opened(self._url, self._data_dir, self._timeout_seconds)

        if self._is_embedded:
            of_file: SqlHistory = store_file.SqlHistory(await once(), self._where)
            return of_file
        guard = self._remotes.guard("postgres", timeout_seconds=self._timeout_seconds, where=self._where)
        engine = await guard.call(once, idempotent=True)
        of_server: SqlHistory = store_file.SqlHistory(engine, self._where, guard)
        return of_server
