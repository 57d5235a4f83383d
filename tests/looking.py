"""How tests look at a page: what it shows is waited for, since every part of it arrives in its own time."""

import time
from collections.abc import Callable
from typing import Any, Final

PATIENCE_SECONDS: Final = 20.0


def expect(what: Any) -> Any:
    """Playwright's assertions, which look again until they hold.

    Here and not at the top of a test, since files of tests are read where there is no playwright.
    """
    from playwright.sync_api import expect as expect_

    expect_.set_options(timeout=PATIENCE_SECONDS * 1000)
    return expect_(what)


def until(page: Any, holds: Callable[[], object], *, timeout_seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until something outside the page holds, while events of the page still arrive."""
    deadline = time.monotonic() + timeout_seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        page.wait_for_timeout(20)
