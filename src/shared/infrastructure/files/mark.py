"""The mark of a folder: a file in it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final, Self, TypeVar

from typing_extensions import override

from shared.durable_files import make_folders, write_whole
from shared.kernel import Unavailable
from shared.ports.belonging import Mark, Marked

T = TypeVar("T")
_FILE: Final = "installation.json"


class FolderMark(Marked):
    """Marked; it is empty when it had no file that matches one of the patterns as this was entered.

    An async context manager, entered before anything else writes there.
    """

    def __init__(self, folder: Path, patterns: tuple[str, ...]) -> None:
        self._folder = folder
        self._patterns = patterns
        self._is_empty = False

    async def __aenter__(self) -> Self:
        self._is_empty = await self._run(lambda: not any(self._has(pattern) for pattern in self._patterns))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is open."""

    @override
    async def read(self) -> Mark | None:
        """A file that is damaged is none."""
        return await self._run(self._read)

    @override
    async def write(self, mark: Mark) -> None:
        await self._run(lambda: self._write(json.dumps(asdict(mark)).encode()))

    @override
    async def claim(self, mark: Mark) -> Mark:
        # Who marks it for the first time has claimed the store before it, which lets one pass.
        if (there := await self.read()) is not None:
            return there
        await self.write(mark)
        return mark

    @override
    async def is_empty(self) -> bool:
        return self._is_empty

    def _has(self, pattern: str) -> bool:
        return next(self._folder.glob(pattern), None) is not None

    def _read(self) -> Mark | None:
        try:
            stored = json.loads((self._folder / _FILE).read_bytes())
            return Mark(str(stored["installation"]), int(stored["collections"]), bool(stored["is_settled"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def _write(self, content: bytes) -> None:
        make_folders(self._folder)
        write_whole(self._folder / _FILE, content, beside=self._folder / f"{_FILE}.new")

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise Unavailable(f"The mark of {self._folder} cannot be read or written: {error.strerror}.") from error
