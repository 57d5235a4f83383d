"""Where a message may go: the host is resolved once, every address is looked at, and the connection is to one of them.

So a name that resolves to something else a moment later (DNS rebinding) leads nowhere.
"""

import asyncio
import socket
from collections.abc import Sequence

from monitor.domain.targets import Targets
from shared.kernel import Refused, Unavailable


class TargetGuard:
    """Resolves hosts and refuses those that may not be called."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    async def addresses(self, host: str, port: int, *, here_is_fine: bool = False) -> Sequence[str]:
        """At least one. Raises Refused for a host that may not be called, Unavailable for one that has no address."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            raise Unavailable(f"The host {host} cannot be found: {error.strerror}.") from error
        except UnicodeError as error:
            raise Refused(f"{host!r} is no name of a host.") from error
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        if not addresses:
            raise Unavailable(f"The host {host} has no address.")
        refusal = self._targets.refusal(host, addresses, here_is_fine=here_is_fine)
        if refusal is not None:
            raise Refused(refusal)
        return addresses

    async def connect(self, host: str, port: int, *, here_is_fine: bool = False) -> socket.socket:
        """A socket to the first address that answers. Raises as `addresses`, and Unavailable."""
        failure: OSError | None = None
        for address in await self.addresses(host, port, here_is_fine=here_is_fine):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(connection, (address, port))
            except OSError as error:
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise Unavailable(f"{host}:{port} cannot be reached: {failure.strerror if failure else 'no address'}.")
