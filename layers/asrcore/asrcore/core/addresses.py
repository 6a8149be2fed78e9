"""Public and private IP addresses: a host name from outside must not lead into the stack's own network."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

_PRIVATE = tuple(
    ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")  # RFC 1918, 6598, 4193
)
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits (RFC 6052)


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the public internet.

    Not public: private, loopback, link-local (instance metadata among them), shared (RFC 6598), multicast and reserved
    addresses, and IPv6 addresses that stand for such an IPv4 address. Raises ValueError for what is no address.
    """
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address) and (meant := _embedded(parsed)) is not None:
        parsed = meant
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


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
