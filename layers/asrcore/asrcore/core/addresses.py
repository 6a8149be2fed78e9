"""Public and private hosts: a host from outside must not lead into the stack's own network.

What is not public is a table of ours, so that it is the same in every version of Python.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

# IANA, "IPv4 Special-Purpose Address Registry" and "IPv6 Special-Purpose Address Registry" (2024-10-22): what is not
# globally reachable there; with multicast and reserved blocks of "IPv4 Address Space" and "IPv6 Address Space".
_SPECIAL_BLOCKS: Mapping[str, str] = MappingProxyType(
    {
        "0.0.0.0/8": "this network (RFC 791)",
        "10.0.0.0/8": "private use (RFC 1918)",
        "100.64.0.0/10": "shared (RFC 6598)",
        "127.0.0.0/8": "loopback (RFC 1122)",
        "169.254.0.0/16": "link-local, with instance metadata (RFC 3927)",
        "172.16.0.0/12": "private use (RFC 1918)",
        "192.0.0.0/24": "protocol assignments (RFC 6890)",
        "192.0.2.0/24": "documentation (RFC 5737)",
        "192.88.99.0/24": "6to4 relays, deprecated (RFC 7526)",
        "192.168.0.0/16": "private use (RFC 1918)",
        "198.18.0.0/15": "benchmarks (RFC 2544)",
        "198.51.100.0/24": "documentation (RFC 5737)",
        "203.0.113.0/24": "documentation (RFC 5737)",
        "224.0.0.0/4": "multicast (RFC 5771)",
        "240.0.0.0/4": "reserved, with broadcast (RFC 1112, RFC 8190)",
        # All that is not 2000::/3, the only global unicast that IANA assigns: ::1, 64:ff9b:1::/48 (RFC 8215), 100::/64,
        # 5f00::/16 (RFC 9602), fc00::/7 (RFC 4193), fe80::/10, fec0::/10 (RFC 3879), ff00::/8 and what is unassigned.
        "::/3": "reserved, with loopback (RFC 4291)",
        "4000::/2": "reserved (RFC 4291)",
        "8000::/1": "reserved, with private, link-local, site-local and multicast (RFC 4291)",
        "2001::/23": "protocol assignments (RFC 2928)",
        "2001:db8::/32": "documentation (RFC 3849)",
        "3fff::/20": "documentation (RFC 9637)",
    }
)
_NOT_PUBLIC = tuple(map(ip_network, _SPECIAL_BLOCKS))
_PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)

_SPECIAL_USE = "IANA, Special-Use Domain Names"
_PRIVATE_DNS = "RFC 6762, appendix G: private DNS namespaces"
_COLLISIONS = "ICANN board, 2018-02-04: never delegated because of collisions"
# The last labels of names that no public DNS serves.
_SPECIAL_NAMES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("alt", "invalid", "local", "localhost", "onion", "test", "example"), _SPECIAL_USE),
        "arpa": f"{_SPECIAL_USE} (home.arpa, service.arpa, …); infrastructure only (RFC 3172)",
        "internal": "ICANN board, 2024-07-29: reserved for private use",
        **dict.fromkeys(("intranet", "private", "lan"), _PRIVATE_DNS),
        **dict.fromkeys(("corp", "home", "mail"), _COLLISIONS),
        "localdomain": "the usual name of a host in /etc/hosts",
    }
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    An IPv6 address that stands for an IPv4 address is as public as that one. Raises ValueError for what is no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and (meant := _embedded(parsed)) is not None:
        parsed = meant
    return not any(parsed in block for block in _NOT_PUBLIC if block.version == parsed.version)


def is_public_host(host: str) -> bool:
    """Return whether a host, a name or an IP address, may be on the public internet; a name is not resolved.

    Not public: a name of one label, a special-use name, and a name that ends in a number, which is an address in
    another form.
    """
    try:
        return is_public(host)
    except ValueError:
        name, _, last = host.lower().rstrip(".").rpartition(".")
        return bool(name) and last not in _SPECIAL_NAMES and not _NUMBER.fullmatch(last)


def is_private(address: str) -> bool:
    """Return whether an IP address belongs to a private network that a VPC can reach.

    Not private: loopback, link-local (instance metadata among them) and public addresses. Raises ValueError for text
    that is not an address.
    """
    parsed = ip_address(address)
    return any(parsed in network for network in _PRIVATE if network.version == parsed.version)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that receives packets to this one, if any: mapped, 6to4, Teredo, NAT64."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
