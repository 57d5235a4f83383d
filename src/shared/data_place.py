"""Where a user's documents are kept when no setting says it."""

import os
from pathlib import Path
from typing import Final

_HERE: Final = Path("data")


def usual_data_dir() -> Path:
    """`data` in the current folder when it is there, else `seoga` in the user's data folder.

    That is $XDG_DATA_HOME, or ~/.local/share (XDG Base Directory Specification); for a user without a home it is `data`
    here, too.
    """
    if _HERE.is_dir():
        return _HERE
    named = os.environ.get("XDG_DATA_HOME", "")
    # As the specification has it, a relative path there says nothing.
    if named.startswith("/"):
        return Path(named) / "seoga"
    try:
        return Path.home() / ".local" / "share" / "seoga"
    except RuntimeError:
        return _HERE
