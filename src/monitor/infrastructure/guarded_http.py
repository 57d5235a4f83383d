"""One POST to a host that may be called: no redirects, no proxies, a little of the answer read."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from monitor.infrastructure.target_guard import TargetGuard
from shared.kernel import Refused, Unavailable
from shared.runtime.resilience import AskedToWait
from shared.version import VERSION

if TYPE_CHECKING:
    import httpx

_MOST_READ: Final = 2_000
_LONGEST_WAIT_SECONDS: Final = 3600.0
_AGAIN: Final = frozenset((408, 425, 429))
_PORTS: Final = {"http": 80, "https": 443}


class GuardedHttp:
    """Posts; whoever calls sets the time."""

    def __init__(self, guard: TargetGuard, ca_file: Path | None = None) -> None:
        self._guard = guard
        self._ca_file = ca_file

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> str:
        """What a 2xx answered, shortened.

        Raises Unavailable for a host that is away and for 408, 425, 429 and 5xx; Refused for every other answer, and
        for a host that may not be called.
        """
        # Only who has such a channel pays for it.
        import httpx

        try:
            named = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise Refused("The address is no URL.") from error
        host, port = named.host, named.port or _PORTS[named.scheme]
        where = f"{host}:{port}"
        addresses = await self._guard.addresses(host, port)
        # To an address that was looked at, by the name that the certificate and the server know.
        headers = {**headers, "Host": named.netloc.decode("ascii"), "User-Agent": f"Seoga/{VERSION}"}
        known_as = {"sni_hostname": named.raw_host.decode("ascii")}
        verify = self._verification(named.scheme)
        async with httpx.AsyncClient(verify=verify, trust_env=False, timeout=None) as client:
            for address in addresses:
                try:
                    to = named.copy_with(host=address)
                    async with client.stream("POST", to, content=body, headers=headers, extensions=known_as) as answer:
                        said = await _beginning(answer)
                        break
                except httpx.ConnectError as error:
                    if "CERTIFICATE_VERIFY_FAILED" in str(error):
                        raise Refused(f"{where} is not trusted: {error}.") from error
                    if address == addresses[-1]:
                        raise Unavailable(f"{where} cannot be reached: {error}.") from error
                except httpx.HTTPError as error:
                    raise Unavailable(f"{where} failed: {error or type(error).__name__}.") from error
        if answer.is_success:
            return f"{answer.status_code} {said}".strip()
        words = f"{where} answered {answer.status_code} {answer.reason_phrase}" + (f": {said}" if said else ".")
        if answer.status_code in _AGAIN or answer.status_code >= 500:
            wait = _seconds(answer.headers.get("retry-after", ""))
            raise AskedToWait(words, retry_after_seconds=wait) if wait else Unavailable(words)
        raise Refused(words)

    def _verification(self, scheme: str) -> ssl.SSLContext | bool:
        # Making a context reads every certificate there is.
        if scheme == "http":
            return False
        return ssl.create_default_context(cafile=None if self._ca_file is None else str(self._ca_file))


async def _beginning(answer: "httpx.Response") -> str:
    read = b""
    async for piece in answer.aiter_raw():
        read += piece
        if len(read) >= _MOST_READ:
            break
    text = read[:_MOST_READ].decode(errors="replace")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:300]


def _seconds(text: str) -> float:
    """Of `Retry-After` in seconds; a date there is as if it said nothing."""
    return min(_LONGEST_WAIT_SECONDS, float(text)) if text.isascii() and text.isdigit() else 0.0
