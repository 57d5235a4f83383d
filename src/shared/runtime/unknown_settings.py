"""Variables that look like settings and are none: a name that is misspelt sets nothing, so somebody has to say it."""

import difflib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from shared.settings import PREFIX, SECRETS_DIR, Settings

# Read elsewhere: by the commands that call a server, by a process for its children, by tests and benchmarks.
_OTHERS: Final = (SECRETS_DIR, f"{PREFIX}URL", f"{PREFIX}API_KEY")
_INTERNAL: Final = tuple(f"{PREFIX}{name}_" for name in ("CHILD", "TEST", "BENCH", "EXPECT"))
_ENV_FILE: Final = ".env"


def unknown_settings() -> list[str]:
    """A sentence for each name of the environment, `.env` and the folder of secrets that sets nothing."""
    known = sorted({*(f"{PREFIX}{name.upper()}" for name in Settings.model_fields), *_OTHERS})
    return [
        f"{name} ({where}) is no setting of Seoga and says nothing.{_nearest(name.upper(), known)}"
        for name, where in sorted(set(_given()))
        if name.upper() not in known and not name.upper().startswith(_INTERNAL)
    ]


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f" Did you mean {near[0]}?" if near else ""


def _given() -> Iterator[tuple[str, str]]:
    yield from _like_settings(os.environ, "in the environment")
    if Path(_ENV_FILE).is_file():
        yield from _like_settings(dotenv_values(_ENV_FILE, interpolate=False), f"in {_ENV_FILE}")
    folder = os.environ.get(SECRETS_DIR)
    if folder and Path(folder).is_dir():
        yield from _like_settings((path.name for path in Path(folder).iterdir()), f"in {folder}")


def _like_settings(names: Iterable[str], where: str) -> Iterator[tuple[str, str]]:
    return ((name, where) for name in names if name.upper().startswith(PREFIX))
