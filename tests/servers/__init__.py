"""Where the servers are that tests may use: SEOGA_TEST_* first, else what `make servers` started.

Which server is which kind matters for what a green run proves: `server_kind` tells it.
"""

import os
import shlex
from pathlib import Path
from typing import Final, Literal, NoReturn

Name = Literal["kafka", "mongo", "qdrant", "redis", "postgres", "llm"]

NAMES: Final[tuple[Name, ...]] = ("kafka", "mongo", "qdrant", "redis", "postgres", "llm")
FOLDER: Final = Path(__file__).resolve().parents[2] / ".servers"


def kafka_url() -> str:
    """`kafka://host:port`; skips the test where there is none."""
    return _url("kafka")


def mongo_url() -> str:
    """`mongodb://host:port`, without a database; skips the test where there is none."""
    return _url("mongo")


def qdrant_url() -> str:
    """`qdrant://host:port`; skips the test where there is none."""
    return _url("qdrant")


def redis_url() -> str:
    """`redis://host:port`; skips the test where there is none."""
    return _url("redis")


def postgres_url() -> str:
    """`postgresql://user@host:port/postgres`; skips the test where there is none."""
    return _url("postgres")


def llm_url() -> str:
    """`http://host:port/v1` of a language model; skips the test where there is none."""
    return _url("llm")


def kafka_sasl_url() -> str:
    """The same Kafka's door with passwords, for `make servers`'s broker only.

    Users, by PLAIN and SCRAM-SHA-512: `seoga`/`seoga-password` may do everything, `guest`/`guest-password` nothing.
    """
    return _url("kafka", "_SASL")


def kafka_proxy_doors() -> list[tuple[int, int]]:
    """(port to forward to, port the broker tells its clients), for `make servers`'s broker only.

    Who listens on the second and forwards to the first sees all of a client's traffic (tests/tcp_proxy.py).
    """
    pairs = (pair.split(">") for pair in _url("kafka", "_PROXIES").split(","))
    return [(int(inside), int(outside)) for inside, outside in pairs]


def server_kind(name: Name) -> str:
    """What the server is, and what a test on it therefore does not prove."""
    variable = _variable(name)
    if os.environ.get(variable):
        return os.environ.get(f"{variable}_KIND") or f"the server that {variable} names"
    return _started().get(f"{variable}_KIND") or "none"


def is_ours(name: Name) -> bool:
    """Whether `make servers` started it, so that a test may stop, pause and kill it (servers.control)."""
    return not os.environ.get(_variable(name)) and _variable(name) in _started()


def _variable(name: str) -> str:
    return f"SEOGA_TEST_{name.upper()}"


def _started() -> dict[str, str]:
    try:
        lines = (FOLDER / "urls.env").read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (shlex.split(line)[0].partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def _url(name: Name, more: str = "") -> str:
    variable = _variable(name) + more
    url = os.environ.get(variable)
    if not url and not (more and os.environ.get(_variable(name))):
        url = _started().get(variable)
    if url:
        return url
    return _skip_or_fail(
        name, f"there is no {name}: `make servers` starts one where it can, or let {variable} name one"
    )


def _skip_or_fail(name: str, reason: str) -> NoReturn:
    # Here and not above: `make servers` runs before anything is installed.
    import pytest

    expected = os.environ.get("SEOGA_EXPECT_SERVERS", "").replace(" ", "").split(",")
    if os.environ.get("CI") == "true" and name in expected:
        pytest.fail(f"SEOGA_EXPECT_SERVERS names {name}, but {reason}")
    pytest.skip(reason)
