"""Where a webhook may go: public addresses, and what the settings allow besides.

Whoever may enqueue a job names an address that the workers call, from inside the network that they live in. So private,
loopback and link-local addresses (a cloud's metadata, say) are refused unless `WINCH_WEBHOOK_ALLOW` names them.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from winch.errors import InvalidOption, WebhookFailed, WebhookRefused

__all__ = ["Allowed", "addresses_of", "is_public"]

Address: TypeAlias = IPv4Address | IPv6Address

_TRANSLATED = ip_network("64:ff9b::/96")
"""IPv6 addresses that carry one of IPv4 in their last 32 bits (RFC 6052)."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be called though it is not public.

    Attributes:
        hosts: Names, in lower case.
        networks: Addresses and networks.
    """

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, entries: Sequence[str]) -> Allowed:
        """Names, addresses and networks, as the setting has them.

        Raises:
            InvalidOption: An entry is none of these.
        """
        hosts: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in entries:
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                if "/" in entry or ":" in entry:
                    raise InvalidOption(
                        f"webhook_allow: {entry!r} is neither a host, an address nor a network such as 10.0.0.0/8"
                    ) from None
                hosts.add(entry.lower())
        return cls(frozenset(hosts), tuple(networks))

    def admits(self, host: str, address: Address) -> bool:
        """Whether an address of a host may be called."""
        if host.lower() in self.hosts or any(address in network for network in self.networks):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the Internet, and so does the one that it carries, if it carries one."""
    if isinstance(address, IPv6Address) and (carried := _carried(address)) is not None:
        return is_public(carried)
    return address.is_global and not address.is_multicast


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address inside one of IPv6 that a router or the system takes it for."""
    if address in _TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def addresses_of(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of a host that may be called, in the system's order of preference.

    Raises:
        WebhookFailed: The name cannot be resolved now.
        WebhookRefused: None of them may be called.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WebhookFailed(f"the name {host!r} cannot be resolved: {error}") from None
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    usable = [text for text in texts if allowed.admits(host, ip_address(text))]
    if not usable:
        raise WebhookRefused(
            f"the webhook's host {host!r} has the address {', '.join(texts)}, which is not public: if it is to be called, "
            f"start the worker with WINCH_WEBHOOK_ALLOW={host} (or the address, or its network)"
        )
    return usable
