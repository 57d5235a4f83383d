"""For every test: only what matters is logged."""

import pytest

from shared.telemetry import configure_logs


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Errors only, to standard error."""
    configure_logs(level="error", format="text")
