"""What the values of settings may be: each check says what it expected."""

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from shared.vocabulary import PROCESS, SEARCH

LOOPBACK_PAGES: Final = "loopback"
"""Among the origins of SEOGA_CORS_ORIGINS: every page of this machine, at any port."""
HERE: Final = "here"
"""For SEOGA_URL: the server of the data directory, whatever else is said of one."""
MODEL_CONSUMERS: Final = (SEARCH, PROCESS, "api")
"""Who embeds: queries, documents, and `POST /v1/embeddings`."""


def scheme_among(*allowed: str) -> AfterValidator:
    """The URL's scheme must be one that an adapter of this version serves."""

    def check(url: str) -> str:
        scheme = urlsplit(url).scheme
        if scheme not in allowed:
            raise ValueError("must start with " + " or ".join(f"`{name}:`" for name in allowed))
        return url

    return AfterValidator(check)


def http_url(url: str | None) -> str | None:
    """Without a slash at its end. Raises ValueError for what is no URL of HTTP."""
    if url is not None and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError("must be a URL that starts with `http://` or `https://`")
    return url.rstrip("/") if url else url


def elsewhere(url: str | None) -> str | None:
    """The URL of another server; None for HERE. Raises ValueError."""
    return None if url == HERE else http_url(url)


def _split(value: object) -> object:
    """`a, b` as the names a and b."""
    return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value


NAMES: Final = (NoDecode, BeforeValidator(_split))
"""What a setting needs that is a list of names, separated by commas."""


def origins(names: tuple[str, ...]) -> tuple[str, ...]:
    """Lower-case. Raises ValueError for one that has a path or none of a URL's parts."""
    for name in names:
        parts = urlsplit(name)
        if name != LOOPBACK_PAGES and (
            parts.scheme not in ("http", "https") or name != f"{parts.scheme}://{parts.netloc}"
        ):
            raise ValueError(
                f"{name!r} is no origin: name each as `https://host` or `https://host:port`, without a path; "
                f"`{LOOPBACK_PAGES}` is every page of this machine"
            )
    return tuple(name.lower() for name in names)


def installation_name(value: str) -> str:
    """Raises ValueError for what Kafka, MongoDB or Qdrant could not be named after."""
    if not re.fullmatch("[a-z0-9][a-z0-9-]{0,31}", value):
        raise ValueError("must be at most 32 lower-case letters, digits and dashes")
    return value


def sharing(value: str) -> str:
    """Which consumers share one model. Raises ValueError."""
    names = tuple(name.strip() for name in value.lower().split(",") if name.strip())
    if names not in (("on",), ("off",)) and not (names and set(names) <= set(MODEL_CONSUMERS)):
        consumers = ", ".join(f"`{name}`" for name in MODEL_CONSUMERS)
        raise ValueError(f"must be `on`, `off`, or a list of those that share one model, of {consumers}")
    return ",".join(names)


def one_of(value: str, *allowed: str) -> str:
    """Raises ValueError for any other."""
    if value not in allowed:
        raise ValueError("must be " + " or ".join(f"`{name}`" for name in allowed))
    return value
