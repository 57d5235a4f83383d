"""Libraries that import others for no better reason than that these are installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """In the block these cannot be imported, as if they were not installed; what was imported before stays."""
    hidden = [module for module in modules if module not in sys.modules]
    # None: Python's own mark for what must not be found.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for module in hidden:
            del sys.modules[module]
