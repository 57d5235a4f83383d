"""What goes wrong when a zip is read that somebody damaged."""

import zipfile
import zlib
from typing import Final

UNREADABLE_MEMBER: Final = (
    KeyError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
"""What opening the file, or reading one of its members, raises."""
