"""Which machines messages may be sent to, so that nobody makes the server call what only the server can reach."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where clouds tell a machine its own credentials; the first is link-local besides.
_METADATA: Final = frozenset(
    ipaddress.ip_address(one) for one in ("169.254.169.254", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")
)


@dataclass(frozen=True, slots=True)
class Targets:
    """An allow list, or what holds without one: neither this machine nor link-local, metadata or multicast."""

    names: frozenset[str] = frozenset()
    """In lower case; one that begins with `.` is every name below it."""
    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, allowed: Iterable[str]) -> "Targets":
        """From host names, `*.example.com`, addresses and networks."""
        names, networks = set[str](), list[Network]()
        for one in allowed:
            try:
                networks.append(ipaddress.ip_network(one.strip("[]"), strict=False))
            except ValueError:
                names.add(one.lower().rstrip(".").removeprefix("*"))
        return cls(frozenset(names), tuple(networks))

    def refusal(self, host: str, addresses: Sequence[str], *, here_is_fine: bool = False) -> str | None:
        """Why a host with these addresses may not be called, in words; None when it may.

        Every address counts: a name with one that may not be called is not called at all. `here_is_fine`: without an
        allow list this machine may be called too, as a mail server on it is.
        """
        name = host.lower().rstrip(".").strip("[]")
        if self.names or self.networks:
            if self._is_named(name):
                return None
            if all(self._is_in_networks(plain(address)) for address in addresses):
                return None
            return f"{host} is not in SEOGA_NOTIFY_HOSTS, which names the hosts that may be called."
        for address in addresses:
            if why := _forbidden(plain(address), here_is_fine=here_is_fine):
                return (
                    f"{host} is {address}, {why}: Seoga does not call it. An operator can allow it in "
                    "SEOGA_NOTIFY_HOSTS."
                )
        return None

    def _is_named(self, name: str) -> bool:
        return name in self.names or any(one.startswith(".") and name.endswith(one) for one in self.names)

    def _is_in_networks(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self.networks)


def plain(address: str) -> Address:
    """Without the zone of an interface, and an IPv4 address however IPv6 wraps it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        wrapped = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if wrapped is None and found in ipaddress.ip_network("64:ff9b::/96"):
            wrapped = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        return wrapped or found
    return found


def _forbidden(address: Address, *, here_is_fine: bool) -> str | None:
    if address in _METADATA:
        return "where a cloud keeps a machine's credentials"
    if address.is_loopback:
        return None if here_is_fine else "this machine"
    if address.is_link_local:
        return "a link-local address"
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        return "no address of one machine"
    return None
