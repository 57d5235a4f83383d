"""Which server a command speaks to, as the settings say: one elsewhere, or that of the data directory."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import httpx

from shared.kernel import NotFound
from shared.runtime.client import Absent, connect
from shared.runtime.data_directory import DataDirectory
from shared.settings import Settings, WrongSettings, is_loopback


@contextmanager
def reach(
    settings: Settings, absent: Absent, *, start: Callable[[Settings], AbstractContextManager[str]]
) -> Iterator[httpx.Client]:
    """A client of the API; `start` gives a server inside this process, where none runs on the data directory.

    A data directory that is not there is made for "make" alone. Raises NotFound for "refuse", as `connect`, and what
    starting raises.
    """
    api_key = settings.api_key.get_secret_value() if settings.api_key else None
    with ExitStack() as stack:
        if settings.url is not None:
            yield stack.enter_context(_elsewhere(settings.url, api_key, settings.tls_ca_file))
            return
        # Where servers keep the documents, the folder has nothing that a command could miss.
        if absent != "make" and settings.has_embedded_state and not DataDirectory(settings.data_dir).is_there():
            if absent == "refuse":
                raise NotFound(
                    f"No Seoga has worked in {settings.data_dir.absolute()} yet, so there are no documents. `seoga "
                    "ingest` and `seoga serve` begin there; --data-dir (SEOGA_DATA_DIR) names another folder, --url "
                    "(SEOGA_URL) a server elsewhere.",
                )
            settings = settings.read_again(data_dir=Path(stack.enter_context(TemporaryDirectory(prefix="seoga-"))))
        yield stack.enter_context(connect(settings.data_dir, lambda: start(settings), api_key))


@contextmanager
def _elsewhere(url: str, api_key: str | None, ca_file: Path | None) -> Iterator[httpx.Client]:
    try:
        verify = ssl.create_default_context(cafile=str(ca_file)) if ca_file is not None else True
    except OSError as error:
        raise WrongSettings(f"SEOGA_TLS_CA_FILE was '{ca_file}': {error.strerror or error}.") from error
    with httpx.Client(
        base_url=url,
        headers={"authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=httpx.Timeout(60, connect=5, read=120),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
        # Certificates cost 30 ms to load, for nothing where no TLS is spoken.
        verify=verify if url.startswith("https:") else False,
        # Proxies are for elsewhere.
        trust_env=not is_loopback(urlsplit(url).hostname or ""),
    ) as client:
        yield client
