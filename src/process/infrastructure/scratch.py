"""A folder for files on their way from a parser to the store; nothing in it outlives the process."""

import shutil
from pathlib import Path
from typing import Self


class Scratch:
    """An async context manager that makes the folder, without what a killed process left in it, and removes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def __aenter__(self) -> Self:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
