"""Folders whose existence survives a power cut: whoever makes or renames an entry syncs the folder above it."""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """The folder's entries (new, renamed, removed) are on disk on return."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folders(folder: Path) -> None:
    """Makes the folder and what is missing above it, durably; nothing happens when it is there."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        sync_folder(new.parent)
